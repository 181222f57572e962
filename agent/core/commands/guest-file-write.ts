/**
 * guest-file-write: writes bytes at the file's position. qemu-ga buffers the last 4 KiB until a flush or close; here the kernel
 * has them when the reply is sent, and the write that meets a full disk reports it.
 */

import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { EAGAIN } from '../errno.ts';
import { SystemError, type Files } from '../platform.ts';
import { decodeBase64 } from '../system/base64.ts';
import { handleOf, takesHandle } from './file-argument.ts';

export const fileWrite: Command = {
  takes: { ...takesHandle, 'buf-b64': { type: 'string' }, count: { type: 'integer', optional: true } },
  run({ platform, log, fileHandles }, args) {
    const handle = handleOf(args);
    return fileHandles.use(handle, 'failed to write to file', (fd) => {
      const bytes = decodeBase64(platform, args['buf-b64'] as string);
      const count = args.count ?? bytes.length;
      if (typeof count !== 'number' || count < 0 || count > bytes.length)
        throw new CommandError(`value '${String(count)}' is invalid for argument count`);
      try {
        return { count: writeAll(platform.files, fd, bytes.subarray(0, count)), eof: false };
      } catch (error) {
        if (error instanceof SystemError) log.audit(`guest-file-write failed, handle: ${handle}`);
        throw error;
      }
    });
  },
};

/** How many bytes were taken: fewer only by a full FIFO, which is not an error as long as it took some. */
function writeAll(files: Files, fd: number, bytes: Uint8Array): number {
  let from = 0;
  while (from < bytes.length) {
    try {
      from += files.write(fd, bytes, from);
    } catch (error) {
      if (from > 0 && error instanceof SystemError && error.errno === EAGAIN) break;
      throw error;
    }
  }
  return from;
}
