/** guest-file-read (QEMU 0.15): bytes from where the file stands. A lost reply has moved it on: seek before reading again. */

import type { AgentCommand } from '../command.ts';
import { dataReply, slowReadMs } from '../limits.ts';
import { asBoolean, asCount, asData, asObject } from '../shape.ts';

export interface FileRead {
  /** Bytes, not characters. */
  count: number;
  base64: string;
  /** The end was met; not yet when exactly the last byte was read. */
  eof: boolean;
}

export const fileRead = {
  name: 'guest-file-read',
  arguments: ({ handle, count }) => ({ handle, count }),
  reply(value) {
    const reply = asObject(value, 'return');
    return {
      count: asCount(reply.count, 'count'),
      base64: asData(reply['buf-b64'], 'buf-b64'),
      eof: asBoolean(reply.eof, 'eof'),
    };
  },
  effect: 'once',
  timeLimitMs: slowReadMs,
  maxReplyBytes: dataReply,
  answersSuccess: true,
} satisfies AgentCommand<{ handle: number; count: number }, FileRead>;
