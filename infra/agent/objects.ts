/** C source to object files, each kept in the cache under what it was made of. */

import { createHash } from 'node:crypto';
import { readdir, readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../lib/run.ts';
import { cached } from '../lab/cache.ts';
import { fetchPackage, type PythonPackage } from './fetch.ts';
import type { Toolchain } from './toolchain.ts';

const quickjs: PythonPackage = {
  name: 'quickjs-ng',
  version: '0.17.0.2',
  sha256: '43d2e48272208721a7aaea8e3f02d4b9318f12ef20cc4f5421b59d9a470706ef',
  form: 'source',
  why: 'the JavaScript engine of the agent',
};

export const nativeDirectory = fileURLToPath(new URL('../../agent/platform/native/', import.meta.url));

const engineFiles = ['quickjs', 'libregexp', 'libunicode', 'dtoa'];

/** Regular expressions read settings and little else: 40 kB less. */
const seldomRun = ['libregexp', 'libunicode'];

/**
 * What quickjs-ng asks for; one section for each function, so that the linker can leave out the parser and much else; and no tables for
 * unwinding, which C has no use for (80 kB).
 */
const common = [
  '-std=gnu11',
  '-D_GNU_SOURCE',
  '-DNDEBUG',
  '-fwrapv',
  '-funsigned-char',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-asynchronous-unwind-tables',
  '-fno-unwind-tables',
];

/** The engine's C interface changes between versions: a mere warning has been a wrong call before. */
const strict = ['-Wall', '-Wextra', '-Werror'];

export async function engineObjects(toolchain: Toolchain): Promise<string[]> {
  const source = await engineSource();
  const flags = [...common, ...toolchain.compile];
  const directory = await cached(`quickjs-${quickjs.version}-${toolchain.name}-${digest(flags.join())}`, async (into) => {
    process.stderr.write(`agent: compiling quickjs-ng ${quickjs.version} by ${toolchain.name} (once)\n`);
    for (const name of engineFiles) {
      const size = seldomRun.includes(name) ? ['-Os'] : [];
      await compile(toolchain, [...flags, ...size], join(source, `${name}.c`), join(into, `${name}.o`));
    }
  });
  return engineFiles.map((name) => join(directory, `${name}.o`));
}

export async function nativeObjects(toolchain: Toolchain): Promise<string[]> {
  const names = (await readdir(nativeDirectory)).toSorted();
  const headers = names.filter((name) => name.endsWith('.h')).map((name) => readFile(join(nativeDirectory, name)));
  const header = Buffer.concat(await Promise.all(headers));
  const sources = names.filter((name) => name.endsWith('.c'));
  return Promise.all(sources.map((name) => objectOf(toolchain, join(nativeDirectory, name), header)));
}

/** One of our files; `header`: what else its content depends on. */
export async function objectOf(toolchain: Toolchain, file: string, header: string | Buffer = ''): Promise<string> {
  const source = await engineSource();
  const flags = [...common, ...toolchain.compile, ...strict, '-I', source];
  const content = await readFile(file);
  const name = basename(file, '.c');
  const key = digest(toolchain.name, flags.join(), header, content);
  const directory = await cached(`agent-${name}-${key}`, async (into) => {
    await compile(toolchain, [...flags, `-ffile-prefix-map=${source}=quickjs`], file, join(into, `${name}.o`));
  });
  return join(directory, `${name}.o`);
}

export function digest(...parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}

async function engineSource(): Promise<string> {
  return join(await fetchPackage(quickjs), 'upstream-quickjs');
}

/** Without the path in it: the same bytes from every directory. */
async function compile(toolchain: Toolchain, flags: string[], file: string, object: string): Promise<void> {
  const directory = file.slice(0, -basename(file).length);
  const map = [`-ffile-prefix-map=${directory}=`, `-ffile-prefix-map=${directory.slice(0, -1)}=.`];
  await run([toolchain.compiler, ...toolchain.target, ...flags, ...map, '-c', file, '-o', `${object}.part`], { cwd: directory });
  await rename(`${object}.part`, object);
}
