/** The workflow bundle, made once for each content of its sources: bundling takes over a second, loading a file none. */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from '../../lib/cache.ts';
import { exists } from '../../lib/durable.ts';
import { demandOwn, WritableByOthersError } from '../../lib/strict-modes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Path of the bundle of one entry file under workflows/; made when its sources or the lock file have changed; the code itself where the cache is not this user's own. Failures are
 * converted inside it: by the SDK's own converter, or by the module at `failureConverterPath`.
 */
export async function workflowBundle(
  entry: string,
  failureConverterPath?: string,
): Promise<{ codePath: string } | { code: string }> {
  const directory = join(cacheDirectory, 'bundles');
  const codePath = join(directory, `${await contentHash(entry, failureConverterPath)}.js`);
  const mayCache = await isOwn(directory);
  if (mayCache && (await exists(codePath))) return { codePath };
  // Loaded only when needed: the bundler costs 60 MB that a worker with a cached bundle never uses.
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'workflows', entry),
    ...(failureConverterPath !== undefined && { failureConverterPath }),
    logger: silentUnlessBroken,
  });
  if (!mayCache) return { code };
  const temporary = `${codePath}.${process.pid}.tmp`;
  await writeFile(temporary, code);
  await rename(temporary, codePath);
  return { codePath };
}

/** The bundle runs in this process, and only its sources are in its name: one that another user could have put there is not used. */
async function isOwn(directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await demandOwn(directory);
    return true;
  } catch (error) {
    if (error instanceof WritableByOthersError) return false;
    throw error;
  }
}

async function contentHash(entry: string, failureConverterPath?: string): Promise<string> {
  const hash = createHash('sha256').update(entry);
  if (failureConverterPath !== undefined) hash.update(await readFile(failureConverterPath));
  for (const folder of ['workflows', 'model']) {
    const names = await readdir(join(root, folder), { recursive: true });
    for (const name of names.filter((each) => each.endsWith('.ts')).toSorted())
      hash.update(name).update(await readFile(join(root, folder, name)));
  }
  return hash
    .update(await readFile(join(root, 'package-lock.json')))
    .digest('hex')
    .slice(0, 32);
}

const ignore = () => {};
/** The bundler's report is of no use to an operator; its errors are. */
const silentUnlessBroken = {
  log: ignore,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: (message: string) => void process.stderr.write(`${message}\n`),
};
