/** guest-get-memory-block-info (QEMU 2.3): bytes of one memory block. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asInteger, asObject, noArguments } from '../shape.ts';

export const getMemoryBlockInfo = {
  name: 'guest-get-memory-block-info',
  arguments: noArguments,
  reply: (value) => asInteger(asObject(value, 'return').size, 'size'),
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, bigint>;
