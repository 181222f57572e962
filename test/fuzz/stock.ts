/** Debian's own qemu-ga with its libraries, unpacked into the cache: run beside our agent, never installed. */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { run } from '../../lib/run.ts';
import { cached } from '../../infra/lab/cache.ts';
import { aptGet } from '../../infra/lab/packages.ts';
import type { Program } from './sandbox.ts';

const packages = ['qemu-guest-agent', 'libc6', 'libglib2.0-0', 'libnuma1', 'libudev1', 'liburing2', 'libpcre2-8-0'];

/** Raise it when the way in which it is unpacked changes. */
const recipe = 1;

/** Its path, and libraries with the places in which it looks for them: the loader of the same packages says which. */
export async function stockProgram(): Promise<Program> {
  const root = await cached(`stock-qemu-ga-${recipe}`, async (into) => {
    const debs = join(into, 'debs');
    await mkdir(debs);
    await aptGet(['download', ...packages], debs);
    for (const deb of await readdir(debs)) await run(['dpkg', '-x', join(debs, deb), into]);
    await rm(debs, { recursive: true });
  });
  const path = join(root, 'usr/sbin/qemu-ga');
  const loader = join(root, 'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2');
  const places = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((place) => join(root, place));
  const listed = await run([loader, '--library-path', places.join(':'), '--list', path]);
  const found = [...listed.matchAll(/=> (\/\S+)/g)].map(([, from]) => from!).filter((from) => from.startsWith(root));
  return {
    path,
    libraries: [
      { path: 'lib64/ld-linux-x86-64.so.2', from: loader },
      ...found.map((from) => ({ path: `lib/x86_64-linux-gnu/${basename(from)}`, from })),
    ],
  };
}

/** The command that runs it where none of its libraries is installed; arguments may follow. */
export async function stockCommand(): Promise<string[]> {
  const { path, libraries } = await stockProgram();
  const [loader, ...others] = libraries.map(({ from }) => from);
  const places = new Set(others.map((each) => dirname(each)));
  return [loader!, '--library-path', [...places].join(':'), path];
}
