/** guest-file-write (QEMU 0.15): bytes to where the file stands; answers how many were taken. */

import type { AgentCommand } from '../command.ts';
import { slowReadMs, smallReply } from '../limits.ts';
import { asCount, asObject } from '../shape.ts';

export const fileWrite = {
  name: 'guest-file-write',
  arguments: ({ handle, base64 }) => ({ handle, 'buf-b64': base64 }),
  reply: (value) => asCount(asObject(value, 'return').count, 'count'),
  effect: 'once',
  timeLimitMs: slowReadMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ handle: number; base64: string }, number>;
