/** Refuses files that other users could change, as sshd does (sshd_config(5), StrictModes): this process does what they say. */

import { chmod, lstat, readlink, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { makeDirectory } from './durable.ts';
import { errnoOf } from './errno.ts';

/** Who may write what, and the command that helps. `path` is the file or one of the directories above it. */
export class WritableByOthersError extends Error {
  override readonly name = 'WritableByOthersError';
  readonly path: string;

  constructor(path: string, why: string, fix: string) {
    super(`${path} ${why}: run "${fix}"`);
    this.path = path;
  }
}

/**
 * The file belongs to root or to this user, no other user may write it, and none could lead a later use of the same path elsewhere: neither by a
 * directory on the way nor by a symbolic link on it.
 * @throws WritableByOthersError, and the kernel's errors
 */
export async function demandOwn(path: string): Promise<void> {
  const place = await demandOwnWay(path);
  await demandOwnEntry(place, false);
}

/** The same of all directories and links on the way to a file, which may itself be another user's. Returns where the way ends. */
export async function demandOwnWay(path: string): Promise<string> {
  const ahead = partsOf(isAbsolute(path) ? path : join(process.cwd(), '/') + path);
  let at = '/';
  for (let links = 0; ahead.length > 0;) {
    await demandOwnEntry(at, true);
    const part = ahead.shift()!;
    // A real path, so this is the directory that the kernel means by it, whatever link led here.
    if (part === '..') {
      at = dirname(at);
      continue;
    }
    const next = join(at, part);
    const found = await lstat(next);
    if (!found.isSymbolicLink()) {
      at = next;
      continue;
    }
    // In a directory like /tmp, the owner of a link may replace it.
    if (!isOwnId(found.uid)) throw belongsToOther(next, found.uid);
    if (++links > mostLinks) throw new Error(`${path} has more than ${mostLinks} symbolic links on its way`);
    const target = await readlink(next);
    if (isAbsolute(target)) at = '/';
    ahead.unshift(...partsOf(target));
  }
  return at;
}

const partsOf = (path: string) => path.split('/').filter((part) => part !== '' && part !== '.');

/** As many as the kernel follows (path_resolution(7)). */
const mostLinks = 40;

const groupOrOthersMayWrite = 0o022;
/** In such a directory only the owner of a name may change it (inode(7)): /tmp. */
const sticky = 0o1000;

async function demandOwnEntry(path: string, isOnTheWay: boolean): Promise<void> {
  const { uid, mode } = await stat(path);
  if (!isOwnId(uid)) throw belongsToOther(path, uid);
  const isShared = isOnTheWay && (mode & sticky) !== 0;
  if ((mode & groupOrOthersMayWrite) !== 0 && !isShared)
    throw new WritableByOthersError(path, 'can be written by other users', `chmod go-w ${path}`);
}

const isOwnId = (uid: number) => uid === 0 || uid === process.getuid?.();

function belongsToOther(path: string, uid: number): WritableByOthersError {
  return new WritableByOthersError(path, `belongs to user ${uid}, who could change it`, `chown -h ${process.getuid?.()} ${path}`);
}

const othersMayListOrWrite = 0o066;

/**
 * Makes a directory for this user, or takes its own that is there: others may pass through at most, as QEMU's user does to scratch below.
 * @throws WritableByOthersError, and the kernel's errors
 */
export async function takeDirectory(path: string): Promise<void> {
  await demandOwn(path).catch(async (error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
    // What is missing was looked for on a way that nobody else can change, so it is made on that way.
    await makeDirectory(path);
    await demandOwn(path);
  });
  const { mode } = await stat(path);
  if ((mode & othersMayListOrWrite) !== 0) await chmod(path, mode & 0o7777 & ~othersMayListOrWrite);
}
