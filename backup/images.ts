/** The image files of one copy: this process makes them and owns them, and another user may open them only while it copies. */

import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../lib/errno.ts';
import { asUser, ProgramError, run, type User } from '../lib/run.ts';
import { StillframeError } from '../model/errors.ts';
import { explainErrno } from '../repository/explain-errno.ts';

export interface Images {
  /** In the order of `wanted`. */
  readonly descriptors: readonly number[];
  /**
   * Lets `user` open the images through descriptors of them (proc(5), /proc/self/fd): by name it cannot, as their directory stays
   * closed to it. False, and nothing is changed, where the filesystem keeps no owners and modes, or serves one user alone.
   */
  lend(user: User): Promise<boolean>;
  /** For this process's user alone again, and closed. */
  [Symbol.asyncDispose](): Promise<void>;
  /** @throws copy-failed unless each image has its size */
  demandSizes(): Promise<void>;
}

/** `directory`: of this process, empty. @throws repository-unwritable */
export async function makeImages(directory: string, wanted: readonly { file: string; bytes: number }[]): Promise<Images> {
  const files: FileHandle[] = [];
  const close = async () => {
    for (const file of files) await file.close();
  };
  const setModes = async (mode: number) => {
    for (const file of files) await file.chmod(mode);
  };
  try {
    for (const { file } of wanted)
      files.push(await explainErrno('repository-unwritable', directory, () => open(join(directory, file), newFile, 0o600)));
  } catch (error) {
    await close();
    throw error;
  }
  let lent = false;

  return {
    descriptors: files.map(({ fd }) => fd),
    async lend(user) {
      if (!(await isClosedToOthers(directory))) return false;
      try {
        await setModes(0o666);
      } catch (error) {
        if (errnoOf(error) === 'EPERM') return false;
        throw error;
      }
      lent = await canOpen(user, files);
      if (!lent) await setModes(0o600);
      return lent;
    },
    async [Symbol.asyncDispose]() {
      try {
        if (lent) await setModes(0o600);
      } finally {
        await close();
      }
    },
    async demandSizes() {
      for (const [index, { file, bytes }] of wanted.entries()) {
        const { size } = await files[index]!.stat();
        if (size === bytes) continue;
        throw new StillframeError(
          'copy-failed',
          `the copy made ${file} of ${size} bytes, expected ${bytes}: run the backup again`,
          {
            file,
            bytes,
          },
        );
      }
    },
  };
}

const newFile = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A filesystem that makes others the owners of our files (NFS with root_squash), or keeps no modes, would let them in by name. */
async function isClosedToOthers(directory: string): Promise<boolean> {
  const { uid, mode } = await stat(directory);
  return uid === process.geteuid!() && (mode & 0o077) === 0;
}

/** Tried and not concluded: FUSE serves the user alone that mounted it, whatever modes it shows. */
async function canOpen(user: User, files: readonly FileHandle[]): Promise<boolean> {
  try {
    for (const { fd } of files) await run([...asUser(user), 'sh', '-c', ': <>/proc/self/fd/3'], { descriptors: [fd] });
    return true;
  } catch (error) {
    if (error instanceof ProgramError) return false;
    throw error;
  }
}
