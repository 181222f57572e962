/** guest-file-close (QEMU 0.15): gives a handle back. */

import type { AgentCommand } from '../command.ts';
import { slowReadMs, smallReply } from '../limits.ts';
import { nothing } from '../shape.ts';

export const fileClose = {
  name: 'guest-file-close',
  arguments: ({ handle }) => ({ handle }),
  reply: nothing,
  effect: 'once',
  timeLimitMs: slowReadMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ handle: number }, void>;
