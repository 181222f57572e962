/** A store in a directory. An object gets its name only when its bytes are on the disk, so no name ever stands for a torn one. */

import { constants } from 'node:fs';
import { link, open, readdir, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectory, syncPath } from '../../lib/durable.ts';
import { errnoOf } from '../../lib/errno.ts';
import { openPlain, readPlainBytes } from '../../lib/plain-file.ts';
import { demandOwn, WritableByOthersError } from '../../lib/strict-modes.ts';
import { StillframeError } from '../../model/errors.ts';
import { explainErrno } from '../explain-errno.ts';
import { objectNamePattern, type Store, type StoredEntry } from './store.ts';

/** Of what is not whole yet: no object, whatever its name. */
const temporaryDirectory = 'tmp';

/** `directory` need not be there until something is put. */
export function openDirectoryStore(directory: string): Store {
  const path = (name: string) => {
    if (!objectNamePattern.test(name))
      throw new StillframeError('input-invalid', `${JSON.stringify(name)} cannot name an object of ${directory}`, { name });
    return join(directory, name);
  };
  const reading = <T>(work: () => Promise<T>) => explainErrno('repository-unwritable', directory, work);
  const writing = <T>(work: () => Promise<T>) =>
    reading(async () => {
      await demandOwnPlace(directory);
      return work();
    });

  async function* walk(prefix: string): AsyncIterable<StoredEntry> {
    const entries = await readdir(join(directory, prefix), { withFileTypes: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries) {
      const name = `${prefix}${entry.name}`;
      if (!objectNamePattern.test(name)) continue;
      if (entry.isDirectory()) {
        if (name !== temporaryDirectory) yield* walk(`${name}/`);
      } else if (entry.isFile()) {
        const found = await statOf(name);
        if (found) yield found;
      }
    }
  }

  async function statOf(name: string): Promise<StoredEntry | null> {
    return unlessMissing(async () => {
      await using file = await openPlain(path(name));
      const { size, mtimeMs } = await file.stat();
      return { name, bytes: size, modifiedMs: Math.floor(mtimeMs) };
    });
  }

  return {
    place: directory,
    read: (name, most) => reading(() => unlessMissing(() => readPlainBytes(path(name), most))),
    stat: (name) => reading(() => statOf(name)),
    async *list(prefix) {
      yield* walk(prefix);
    },
    put: (name, bytes) => writing(() => putFile(directory, path(name), bytes)),
    touch: (name) =>
      writing(async () => {
        const now = new Date(await clockOf(directory));
        return (await unlessMissing(() => utimes(path(name), now, now).then(() => true))) ?? false;
      }),
    remove: (name) =>
      writing(async () => {
        await rm(path(name), { force: true });
        await unlessMissing(() => syncPath(dirname(path(name))));
      }),
    now: () => writing(() => clockOf(directory)),
  };
}

/**
 * link(2) fails where the name is taken; rename(2) would replace what stands there.
 */
async function putFile(directory: string, path: string, bytes: Uint8Array): Promise<boolean> {
  if (await unlessMissing(() => stat(path))) return false;
  const temporary = join(directory, temporaryDirectory, `put.${process.pid}-${++puts}.part`);
  await makeDirectory(dirname(temporary));
  try {
    {
      await using file = await open(temporary, newFile, 0o600);
      await file.writeFile(bytes);
      await file.sync();
    }
    await makeDirectory(dirname(path));
    try {
      await link(temporary, path);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    await syncPath(dirname(path));
    return true;
  } finally {
    await rm(temporary, { force: true });
  }
}

let puts = 0;

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** What the file system itself gives a file that is written now: a clock of its own may be another than this machine's. */
async function clockOf(directory: string): Promise<number> {
  const probe = join(directory, temporaryDirectory, `clock.${process.pid}-${++puts}.part`);
  await makeDirectory(dirname(probe));
  try {
    await using file = await open(probe, newFile, 0o600);
    await file.writeFile('.');
    return Math.floor((await file.stat()).mtimeMs);
  } finally {
    await rm(probe, { force: true });
  }
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Whoever may change the directory could lead what this process writes and removes there to any file of its own. */
async function demandOwnPlace(directory: string): Promise<void> {
  try {
    await demandOwn(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    if (!(error instanceof WritableByOthersError)) throw error;
    throw new StillframeError(
      'repository-unwritable',
      `the repository ${directory} is not written into: ${error.message}. It must belong to the user that writes it, or to root, alone`,
      { directory },
    );
  }
}
