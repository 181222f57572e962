/** Things that take long to make, kept outside the checkout under a name that depends on their content. */

import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../../lib/cache.ts';

export const labCache = join(cacheDirectory, 'lab');

/**
 * The directory `name` in the cache; `make` fills it when it is not there. It appears whole or not at all, and two processes
 * that make it at once end with the first one's.
 */
export async function cached(name: string, make: (directory: string) => Promise<void>): Promise<string> {
  const path = join(labCache, name);
  if (await isUsed(path)) return path;
  await mkdir(labCache, { recursive: true });
  const making = await mkdtemp(join(labCache, `.${name}-`));
  try {
    await make(making);
    await rename(making, path);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    if (!(await isUsed(path))) throw error;
  }
  return path;
}

/** For what is made again for every change of a source file: long enough for a day's tests to come back to it. */
const unusedMs = 2 * 3_600_000;

/** Removes what begins with `prefix` and was not asked for in the last two hours, and what a process that died left of making it. */
export async function dropUnused(prefix: string): Promise<void> {
  for (const name of await readdir(labCache)) {
    if (!name.startsWith(prefix) && !name.startsWith(`.${prefix}`)) continue;
    const path = join(labCache, name);
    const used = await stat(path).catch(() => undefined);
    if (used && Date.now() - used.mtimeMs > unusedMs) await rm(path, { recursive: true, force: true });
  }
}

/** Whether it is there; the time of its last use is kept. */
async function isUsed(path: string): Promise<boolean> {
  const now = new Date();
  return utimes(path, now, now).then(
    () => true,
    () => false,
  );
}
