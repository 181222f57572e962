/** Builds the cluster's server from Go's module proxy, once for each version of its sources: five minutes on two cores, then kept. */

import { createHash } from 'node:crypto';
import { glob, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../../lib/cache.ts';
import { findProgram } from '../../lib/find-program.ts';
import { run } from '../../lib/run.ts';

const sources = join(import.meta.dirname, 'server');
const kept = join(cacheDirectory, 'cluster');

/** Where Go's own archive is unpacked (https://go.dev/doc/install); it adds nothing to PATH. */
const goPlaces = ['/usr/local/go/bin'];

/** Path of the program. @throws Error when this machine has no Go */
export async function buildServer(): Promise<string> {
  const program = join(kept, `server-${await hashOfSources()}`);
  if (await findProgram(program)) return program;
  const go = await findProgram('go', goPlaces);
  if (!go) {
    throw new Error(
      'the cluster needs Go 1.26 or newer, which builds Temporal’s server, and this machine has none: install it from https://go.dev/dl, then run this again. "npm run demo" and "npm test" need no cluster',
    );
  }
  process.stderr.write('cluster: building Temporal’s server by Go (once; five minutes on two cores)\n');
  await mkdir(kept, { recursive: true });
  const making = await mkdtemp(join(kept, '.building-'));
  try {
    // Sources of a checkout may have no version control around them; symbols are half of the program.
    const options = { cwd: sources, env: { ...process.env, GOFLAGS: '-buildvcs=false' } };
    await run([go, 'build', '-ldflags=-s -w', '-o', join(making, 'server'), '.'], options);
    await rename(join(making, 'server'), program);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return program;
}

async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const files = await Array.fromAsync(glob('*', { cwd: sources }));
  for (const file of files.toSorted()) hash.update(`${file}\0`).update(await readFile(join(sources, file)));
  return hash.digest('hex').slice(0, 16);
}
