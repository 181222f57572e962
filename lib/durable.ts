/** Files that are whole and on the disk, or not there at all. */

import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes `value` so that after a power cut the file holds all of it or what it held before (rename(2), fsync(2)). */
export async function writeDurably(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${process.pid}-${++writes}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(value));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

let writes = 0;

/** Removes a file so that it stays removed; fine when it is gone already. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/** Creates a directory for nobody but us, and makes its own entry durable. */
export async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncDirectory(dirname(made));
}

/** The value in a file; undefined when there is no file. @throws SyntaxError when it is damaged */
export async function readValue(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Names in a directory; none when it is not there. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path === '' ? '.' : path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
