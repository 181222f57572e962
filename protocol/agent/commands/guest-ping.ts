/** guest-ping (QEMU 0.15): nothing but an answer. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asObject, noArguments } from '../shape.ts';

export const ping = {
  name: 'guest-ping',
  arguments: noArguments,
  reply: (value) => void asObject(value, 'return'),
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, void>;
