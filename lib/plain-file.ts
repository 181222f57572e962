/** Reads plain files in places where others may have put something else: a FIFO, a device, a link, a file without end. */

import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { errnoOf } from './errno.ts';

/** What stands at the path is not a plain file, or is larger than it may be. `message` is a sentence about it, without the path. */
export class NotPlainError extends Error {
  override readonly name = 'NotPlainError';
}

/** O_NONBLOCK: a FIFO without a writer would keep the open waiting (open(2)). @throws NotPlainError, and the kernel's errors */
export async function openPlain(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    const errno = errnoOf(error);
    if (errno === 'ELOOP') throw new NotPlainError('is a symbolic link');
    if (errno === 'ENXIO') throw new NotPlainError('is a socket');
    throw error;
  });
  try {
    if ((await file.stat()).isFile()) return file;
    throw new NotPlainError('is not a plain file');
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The text of a file of at most `most` bytes. @throws NotPlainError */
export async function readPlain(path: string, most: number): Promise<string> {
  return (await readPlainBytes(path, most)).toString('utf8');
}

/** The same as bytes, which are counted as they are read. */
export async function readPlainBytes(path: string, most: number): Promise<Buffer> {
  await using file = await openPlain(path);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > most) throw new NotPlainError(`has more than ${most} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
