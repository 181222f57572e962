/** The agent from TypeScript and C to one file, kept in the cache under what it was made of. */

import { build } from 'esbuild';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../lib/run.ts';
import { cached } from '../lab/cache.ts';
import { digest, engineObjects, nativeDirectory, nativeObjects, objectOf } from './objects.ts';
import { ownArchitecture, ownToolchain, toolchainFor, type Architecture, type Purpose, type Toolchain } from './toolchain.ts';

export interface BuildOptions {
  /** This machine's own when absent. */
  arch?: Architecture;
  /** With gcc's address and undefined behaviour sanitizers, for tests on this machine. */
  sanitize?: boolean;
  /** By the pinned compiler, so that the same source gives the same bytes on every machine. */
  release?: boolean;
}

/** @returns the path of the binary */
export async function buildAgent({ arch = ownArchitecture(), sanitize, release }: BuildOptions = {}): Promise<string> {
  const purpose: Purpose = sanitize ? 'sanitizers' : release ? 'release' : 'development';
  const toolchain = await toolchainFor(arch, purpose);
  const objects = [await programObject(toolchain), ...(await nativeObjects(toolchain)), ...(await engineObjects(toolchain))];
  const flags = [...toolchain.link, '-Wl,--gc-sections', '-lm'];
  const directory = await cached(`agent-${digest(toolchain.name, flags.join(), ...objects)}`, async (into) => {
    await run([toolchain.compiler, ...toolchain.target, ...objects, ...flags, '-o', join(into, binaryName)]);
  });
  return join(directory, binaryName);
}

const binaryName = 'stillframe-agent';

async function programObject(toolchain: Toolchain): Promise<string> {
  const compiler = await bytecodeCompiler();
  const modules = await bundle();
  const key = digest(compiler, ...modules.flatMap(({ name, text }) => [name, text]));
  const directory = await cached(`agent-program-${key}`, async (into) => {
    for (const { name, text } of modules) await writeFile(join(into, name), text);
    await run([compiler, join(into, 'program.c'), into, ...modules.map(({ name }) => name)]);
  });
  return objectOf(toolchain, join(directory, 'program.c'));
}

/** The engine reads no TypeScript. One module, main.js, of all that is there from the start, and one for each import() and for what such share. */
async function bundle(): Promise<{ name: string; text: string }[]> {
  const { outputFiles } = await build({
    entryPoints: [join(nativeDirectory, 'main.ts')],
    absWorkingDir: fileURLToPath(new URL('../../', import.meta.url)),
    bundle: true,
    write: false,
    format: 'esm',
    splitting: true,
    outdir: '/',
    target: 'es2022',
    legalComments: 'none',
    minify: true,
    logLevel: 'error',
  });
  return outputFiles.map(({ path, text }) => ({ name: basename(path), text }));
}

async function bytecodeCompiler(): Promise<string> {
  const toolchain = await ownToolchain();
  const source = fileURLToPath(new URL('compile.c', import.meta.url));
  const objects = [await objectOf(toolchain, source), ...(await engineObjects(toolchain))];
  const directory = await cached(`agent-compile-${digest(await readFile(source), ...objects)}`, async (into) => {
    await run([toolchain.compiler, ...toolchain.target, ...objects, '-lm', '-o', join(into, 'compile')]);
  });
  return join(directory, 'compile');
}
