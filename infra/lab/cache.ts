/** Things that take long to make, kept outside the checkout under a name that tells their content. */

import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../../host/cache.ts';

export const labCache = join(cacheDirectory, 'lab');

/**
 * The directory `name` in the cache; `make` fills it when it is not there. It appears whole or not at all, and two processes
 * that make it at once end with the first one's.
 */
export async function cached(name: string, make: (directory: string) => Promise<void>): Promise<string> {
  const path = join(labCache, name);
  if (await isThere(path)) return path;
  await mkdir(labCache, { recursive: true });
  const making = await mkdtemp(join(labCache, `.${name}-`));
  try {
    await make(making);
    await rename(making, path);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    if (!(await isThere(path))) throw error;
  }
  return path;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
