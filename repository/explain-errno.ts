/** Errors of a repository's file system, with what to do about each. */

import { errnoOf } from '../lib/errno.ts';
import { StillframeError, messageOf, type ErrorCode } from '../model/errors.ts';

const remedies: Record<string, string> = {
  EACCES: 'let the user that runs Stillframe read and write there',
  EPERM: 'let the user that runs Stillframe read and write there',
  EROFS: 'mount it writable',
  ENOSPC: 'make room there',
  EDQUOT: 'raise the quota or make room there',
  ENOENT: 'mount it or create the directory',
  ENOTDIR: 'name a directory',
  EEXIST: 'name a directory',
  EIO: 'look at the disk: the kernel log has the details',
};

/** Runs `work`; what the file system refuses becomes `code`, with the path, the errno and what to do. */
export async function explainErrno<T>(code: ErrorCode, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    const remedy = remedies[errno] ?? 'look at what the kernel log says of it';
    throw new StillframeError(code, `${path}: ${messageOf(error)}: ${remedy}`, { path, errno }, error);
  }
}
