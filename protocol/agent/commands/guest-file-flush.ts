/** guest-file-flush (QEMU 0.15): hands what was written to the guest’s kernel, not to its disk. */

import type { AgentCommand } from '../command.ts';
import { slowReadMs, smallReply } from '../limits.ts';
import { nothing } from '../shape.ts';

export const fileFlush = {
  name: 'guest-file-flush',
  arguments: ({ handle }) => ({ handle }),
  reply: nothing,
  effect: 'idempotent',
  timeLimitMs: slowReadMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ handle: number }, void>;
