/** guest-sync-delimited (QEMU 1.1): like guest-sync, and a byte 0xFF stands before its reply. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asCount } from '../shape.ts';

export const syncDelimited = {
  name: 'guest-sync-delimited',
  arguments: ({ id }) => ({ id }),
  reply: (value) => asCount(value, 'return'),
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ id: number }, number>;
