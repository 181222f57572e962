/** Files and directories of a repository that survive a power cut, and errors that say what the file system said. */

import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

import { StillframeError, messageOf } from '../model/errors.ts';
import type { ErrorCode } from '../model/errors.ts';

/** fsync(2) of a file or a directory: a rename is durable only once the directory is. */
export async function syncPath(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** After a power cut the file holds all of `text`, or it is as it was before. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.part`;
  {
    await using file = await open(temporary, 'w');
    await file.writeFile(text);
    await file.sync();
  }
  await rename(temporary, path);
  await syncPath(dirname(path));
}

/** `ENOENT`, …; null for what is no error of the file system. */
export function errnoOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : null;
}

const waysOut: Record<string, string> = {
  EACCES: 'let the user that runs Stillframe write there',
  EPERM: 'let the user that runs Stillframe write there',
  EROFS: 'mount it writable',
  ENOSPC: 'make room there',
  EDQUOT: 'raise the quota or make room there',
  ENOENT: 'mount it or create the directory',
  ENOTDIR: 'name a directory',
  EIO: 'look at the disk: the kernel log has the details',
};

/** Runs `work`; what the file system refuses becomes `code`, with the path, the errno and the way out. */
export async function explaining<T>(code: ErrorCode, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    const wayOut = waysOut[errno] ?? 'look at what the kernel log says of it';
    throw new StillframeError(code, `${path}: ${messageOf(error)}: ${wayOut}`, { path, errno }, error);
  }
}
