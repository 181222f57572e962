/** guest-get-time (QEMU 1.5): nanoseconds since 1970 by the guest’s clock. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asInteger, noArguments } from '../shape.ts';

export const getTime = {
  name: 'guest-get-time',
  arguments: noArguments,
  reply: (value) => asInteger(value, 'return'),
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, bigint>;
