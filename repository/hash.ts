/** One pass over an image: its bytes in order, and their hash. */

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { NotPlainError } from '../lib/plain-file.ts';

/** Large enough that the reads cost nothing beside the hash, small enough for two of them in memory. */
const readBytes = 4 * 1024 * 1024;

export interface PassOptions {
  /** Bytes that the file has. */
  bytes: number;
  /** Called after each piece with the bytes done so far. */
  onProgress?: ((doneBytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** SHA-256 of an open file, lower-case hex; holes count as the zeros that they read as. @throws NotPlainError */
export async function hashImage(file: FileHandle, bytes: number): Promise<string> {
  return passOver(file, async () => {}, { bytes });
}

/**
 * Gives each piece of the file to `use`, which is done with it when its promise resolves.
 * The next piece is read at the same time, so that the disk and the hash do not wait for each other.
 * @throws NotPlainError for a byte too many; the signal's reason
 */
export async function passOver(
  file: FileHandle,
  use: (piece: Buffer, offset: number) => Promise<void>,
  { bytes, onProgress, signal }: PassOptions,
): Promise<string> {
  const hash = createHash('sha256');
  let [current, spare] = [Buffer.allocUnsafe(readBytes), Buffer.allocUnsafe(readBytes)];
  let offset = 0;
  let { bytesRead } = await file.read(current, 0, readBytes, 0);
  while (bytesRead > 0) {
    signal?.throwIfAborted();
    if (offset + bytesRead > bytes) throw new NotPlainError(`has more than ${bytes} bytes`);
    const piece = current.subarray(0, bytesRead);
    const next = file.read(spare, 0, readBytes, offset + bytesRead);
    const used = use(piece, offset);
    hash.update(piece);
    const [read] = await Promise.all([next, used]);
    offset += bytesRead;
    onProgress?.(offset);
    bytesRead = read.bytesRead;
    [current, spare] = [spare, current];
  }
  return hash.digest('hex');
}
