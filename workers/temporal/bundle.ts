/**
 * The workflow bundle, made once for each content of its sources: bundling takes over a second, loading a file none. Its name in the cache
 * has two hashes, of its sources and of itself, and a file that does not have the latter is not run.
 */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from '../../lib/cache.ts';
import { demandOwn, WritableByOthersError } from '../../lib/strict-modes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The bundle of one entry file under workflows/, made when its sources or the lock file have changed. Failures are converted inside it: by the
 * SDK's own converter, or by the module at `failureConverterPath`.
 */
export async function workflowBundle(entry: string, failureConverterPath?: string): Promise<{ code: string }> {
  const directory = join(cacheDirectory, 'bundles');
  const sources = await hashOfSources(entry, failureConverterPath);
  const mayCache = await isOwn(directory);
  const cached = mayCache ? await findWhole(directory, sources) : undefined;
  if (cached !== undefined) return { code: cached };
  // Loaded only when needed: the bundler costs 60 MB that a worker with a cached bundle never uses.
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'workflows', entry),
    ...(failureConverterPath !== undefined && { failureConverterPath }),
    logger: silentUnlessBroken,
  });
  if (mayCache) {
    const path = join(directory, nameOf(sources, code));
    await writeFile(`${path}.${process.pid}.tmp`, code);
    await rename(`${path}.${process.pid}.tmp`, path);
  }
  return { code };
}

function nameOf(sources: string, code: string): string {
  return `${sources}.${createHash('sha256').update(code).digest('hex').slice(0, hashLength)}.js`;
}

/** 128 bits. */
const hashLength = 32;

async function findWhole(directory: string, sources: string): Promise<string | undefined> {
  for (const name of (await readdir(directory)).filter((each) => each.startsWith(`${sources}.`) && each.endsWith('.js'))) {
    const code = await readFile(join(directory, name), 'utf8');
    if (nameOf(sources, code) === name) return code;
  }
  return undefined;
}

/** The bundle runs in this process: one that another user could have put there, with its hash in its name, is not used. */
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

async function hashOfSources(entry: string, failureConverterPath?: string): Promise<string> {
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
    .slice(0, hashLength);
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
