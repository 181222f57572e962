/** guest-file-open (QEMU 0.15): opens a file of the guest by an fopen(3) mode; answers a handle, which outlives the connection. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asCount } from '../shape.ts';

export const fileOpen = {
  name: 'guest-file-open',
  arguments: ({ path, mode }) => ({ path, mode }),
  reply: (value) => asCount(value, 'return'),
  effect: 'once',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ path: string; mode: string }, number>;
