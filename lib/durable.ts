/** Files that are whole and on the disk, or not there at all. */

import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errnoOf } from './errno.ts';

/** After a power cut the file holds all of `text`, or what it held before (rename(2), fsync(2)). A new file is for this user alone. */
export async function writeDurably(path: string, text: string): Promise<void> {
  // Several processes may write the same file; the last one to rename wins.
  const temporary = `${path}.${process.pid}-${++writes}.part`;
  try {
    {
      await using file = await open(temporary, 'w', 0o600);
      await file.writeFile(text);
      await file.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncPath(dirname(path));
}

let writes = 0;

/** The same for a value. */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeDurably(path, JSON.stringify(value));
}

/** The value in a file; undefined when there is no file. @throws SyntaxError when it is damaged */
export async function readJson(path: string): Promise<unknown> {
  const text = await unlessMissing(readFile(path, 'utf8'), undefined);
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

/** At most the first `most` bytes of a file. */
export async function readBeginning(path: string, most: number): Promise<string> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(most) });
  return buffer.toString('utf8', 0, bytesRead);
}

/** Removes a file so that it stays removed; fine when it is gone already. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncPath(dirname(path));
}

/** Creates a directory for this user alone, with those above it, and makes every new entry durable. Returns the first one that was not there. */
export async function makeDirectory(path: string): Promise<string | undefined> {
  const first = await makeWithParents(resolve(path));
  if (first === undefined) return undefined;
  const above = dirname(resolve(first));
  for (let directory = resolve(path); directory !== above; directory = dirname(directory)) await syncPath(dirname(directory));
  return first;
}

/**
 * mkdir() of Node never ends where the system answers ENOENT below a directory that is there, as in /proc (seen in Node 24). Another process
 * may have made that directory since, so the answer counts at the second try.
 */
async function makeWithParents(path: string, isLastTry = false): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return path;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return undefined;
    if (errnoOf(error) !== 'ENOENT' || isLastTry) throw error;
  }
  const first = (await exists(dirname(path))) ? undefined : await makeWithParents(dirname(path));
  const own = await makeWithParents(path, true);
  return first ?? own;
}

/** fsync(2) of a file or a directory: a rename is durable only once the directory is. */
export async function syncPath(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** Removes below `directory` what `writeDurably` had begun to write in processes that are gone. */
export async function removeUnfinished(directory: string): Promise<void> {
  for (const entry of await unlessMissing(readdir(directory, { recursive: true, withFileTypes: true }), [])) {
    const writer = /\.(\d+)-\d+\.part$/.exec(entry.name)?.[1];
    if (writer === undefined || !entry.isFile() || isRunning(Number(writer))) continue;
    await rm(join(entry.parentPath, entry.name), { force: true });
  }
}

/** Also true of a process that has the number by now: its predecessor's file goes the next time. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's (kill(2)).
    return errnoOf(error) !== 'ESRCH';
  }
}

/** Names in a directory; none when it is not there. */
export function namesIn(path: string): Promise<string[]> {
  return unlessMissing(readdir(path), []);
}

/** Whether something is there. @throws when the kernel does not say, as behind a directory that may not be entered */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    // ENOTDIR: a file stands where a directory would have to (stat(2)).
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return false;
    throw error;
  }
}

async function unlessMissing<T, U>(reading: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await reading;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return otherwise;
    throw error;
  }
}
