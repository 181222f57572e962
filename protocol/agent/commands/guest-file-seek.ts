/** guest-file-seek (QEMU 0.15; words since 2.6): moves to a place in a file; answers which, from the start. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asInteger, asObject } from '../shape.ts';

export const fileSeek = {
  name: 'guest-file-seek',
  arguments: ({ handle, offset, whence }) => ({ handle, offset, whence }),
  reply: (value) => asInteger(asObject(value, 'return').position, 'position'),
  effect: 'once',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ handle: number; offset: bigint; whence: 'set' | 'cur' | 'end' }, bigint>;
