/** guest-sync (QEMU 0.15): echoes a number, by which replies for an earlier client are recognized. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asCount } from '../shape.ts';

export const sync = {
  name: 'guest-sync',
  arguments: ({ id }) => ({ id }),
  reply: (value) => asCount(value, 'return'),
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ id: number }, number>;
