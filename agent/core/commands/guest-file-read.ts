/** guest-file-read: up to 48 MiB from the file's position, as fread(3) reads them, except that no bytes that were read are ever dropped. */

import { Base64, type Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { SystemError, type Files } from '../platform.ts';
import { joinBytes } from '../system/join-bytes.ts';
import { handleOf, takesHandle } from './file-argument.ts';

export const fileRead: Command = {
  takes: { ...takesHandle, count: { type: 'integer', optional: true } },
  run({ platform, log, fileHandles }, args) {
    const handle = handleOf(args);
    return fileHandles.use(handle, 'failed to read file', (fd) => {
      const count = args.count ?? defaultCount;
      if (typeof count !== 'number' || count < 0 || count > mostCount)
        throw new CommandError(`value '${String(count)}' is invalid for argument count`);
      try {
        const { chunks, eof } = readUpTo(platform.files, fd, count);
        const bytes = joinBytes(chunks);
        return { count: bytes.length, 'buf-b64': new Base64(bytes), eof };
      } catch (error) {
        if (error instanceof SystemError) log.audit(`guest-file-read failed, handle: ${handle}`);
        throw error;
      }
    });
  },
};

const defaultCount = 4096;

/** qemu-ga's limit: this much in base64 just passes its parser's 64 MiB. */
const mostCount = 48 * 2 ** 20;

/** A small file must not cost the memory that a client allows for a large one. */
const chunkBytes = 2 ** 20;

/** `eof`: a read returned nothing; like fread(3), which reads again after a read that returned less than requested. */
function readUpTo(files: Files, fd: number, count: number): { chunks: Uint8Array[]; eof: boolean } {
  const chunks: Uint8Array[] = [];
  for (let missing = count; missing > 0;) {
    let chunk: Uint8Array;
    try {
      chunk = files.read(fd, Math.min(missing, chunkBytes));
    } catch (error) {
      // The client gets what a FIFO has returned so far; its next read meets the same error.
      if (error instanceof SystemError && chunks.length > 0) break;
      throw error;
    }
    if (chunk.length === 0) return { chunks, eof: true };
    chunks.push(chunk);
    missing -= chunk.length;
  }
  return { chunks, eof: false };
}
