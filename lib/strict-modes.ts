/** Refuses files that other users could change, as sshd does (sshd_config(5), StrictModes): this process does what they say. */

import { chmod, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from './durable.ts';

/** Who may write what, and the command that helps. `path` is the file or one of the directories above it. */
export class WritableByOthersError extends Error {
  override readonly name = 'WritableByOthersError';
  readonly path: string;

  constructor(path: string, why: string, fix: string) {
    super(`${path} ${why}: run "${fix}"`);
    this.path = path;
  }
}

const groupOrOthersMayWrite = 0o022;
/** In such a directory only the owner of a name may change it (inode(7)): /tmp. */
const sticky = 0o1000;

/**
 * The file, and every directory on the way to it, belongs to root or to this user, and no other user may write it.
 * @throws WritableByOthersError, and the kernel's errors
 */
export async function demandOwn(path: string): Promise<void> {
  let at = await realpath(path);
  for (let isAbove = false; ; isAbove = true) {
    const { uid, mode } = await stat(at);
    if (uid !== 0 && uid !== process.getuid?.())
      throw new WritableByOthersError(at, `belongs to user ${uid}, who could change it`, `chown ${process.getuid?.()} ${at}`);
    const shared = isAbove && (mode & sticky) !== 0;
    if ((mode & groupOrOthersMayWrite) !== 0 && !shared)
      throw new WritableByOthersError(at, 'can be written by other users', `chmod go-w ${at}`);
    if (at === dirname(at)) return;
    at = dirname(at);
  }
}

const othersMayListOrWrite = 0o066;

/**
 * Makes a directory for this user, or takes its own that is there: others may pass through at most, as QEMU's user does to scratch below.
 * @throws WritableByOthersError, and the kernel's errors
 */
export async function takeDirectory(path: string): Promise<void> {
  await makeDirectory(path);
  await demandOwn(path);
  const { mode } = await stat(path);
  if ((mode & othersMayListOrWrite) !== 0) await chmod(path, mode & 0o7777 & ~othersMayListOrWrite);
}
