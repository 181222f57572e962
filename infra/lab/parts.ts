/** What a lab guest boots: a kernel and a first root, made of Debian's own packages and the files in guest/. */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.ts';
import { newcArchive, type NewcEntry } from './newc.ts';
import { aptGet } from './packages.ts';
import { run } from '../../host/run.ts';

export interface GuestParts {
  kernel: string;
  initrd: string;
  /** Changes with the content of both. */
  key: string;
}

const guestFiles = fileURLToPath(new URL('./guest/', import.meta.url));

/** Loaded in this order; ext4 is built into Debian's cloud kernel. */
const modules = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_blk',
  'virtio_console',
  'libcrc32c',
  'xfs',
];

const kernelPackage = 'linux-image-cloud-amd64';
const rootPackages = ['busybox-static', 'qemu-guest-agent', 'perl-base'];
const programs = ['usr/sbin/qemu-ga', 'usr/bin/perl'];
const perlModules = ['strict.pm', 'warnings.pm', 'constant.pm', 'warnings/register.pm'];

/** Raise it when the way in which the parts are made changes. */
const recipe = 2;

export async function guestParts(): Promise<GuestParts> {
  const files = await Promise.all(
    (await readdir(guestFiles)).toSorted().map(async (name) => [name, await readFile(join(guestFiles, name))] as const),
  );
  const hash = createHash('sha256').update(`${recipe} ${modules.join()}`);
  for (const [name, content] of files) hash.update(name).update(content);
  const key = hash.digest('hex').slice(0, 16);
  const directory = await cached(`guest-${key}`, (into) => build(into));
  return { kernel: join(directory, 'vmlinux'), initrd: join(directory, 'initrd'), key };
}

async function build(into: string): Promise<void> {
  process.stderr.write('lab: making a guest from Debian’s kernel, busybox, qemu-guest-agent and perl packages (once)\n');
  const debs = join(into, 'debs');
  const root = join(into, 'root');
  await mkdir(debs);
  await aptGet(['download', ...(await packageNames())], debs);
  for (const deb of await readdir(debs)) await run('dpkg', ['-x', join(debs, deb), root]);
  await writeFile(join(into, 'vmlinux'), await unpackKernel(root, into));
  await writeFile(join(into, 'initrd'), newcArchive(await rootEntries(root)));
  await rm(debs, { recursive: true });
  await rm(root, { recursive: true });
}

/** The packages that hold our programs' libraries, and the kernel that the meta package stands for today. */
async function packageNames(): Promise<string[]> {
  const only = ['--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks', '--no-replaces', '--no-enhances'];
  const kernel = /Depends: (linux-image-\S+)/.exec(await dependencies([...only, kernelPackage]))?.[1];
  if (!kernel) throw new Error(`Debian's ${kernelPackage} names no kernel`);
  const recursive = await dependencies([...only, '--recurse', 'qemu-guest-agent', 'perl-base']);
  const libraries = recursive.split('\n').filter((line) => /^lib(?!perl|file-find|number|text-glob|db|gdbm)/.test(line));
  return [kernel, ...rootPackages, ...new Set(libraries)];
}

async function dependencies(args: string[]): Promise<string> {
  const ask = () => run('apt-cache', ['depends', ...args]);
  return ask().catch(async () => {
    await aptGet(['update']);
    return ask();
  });
}

/** QEMU starts an ELF kernel faster than a bzImage (PVH): the payload's place stands in the boot header (Documentation/x86/boot). */
async function unpackKernel(root: string, into: string): Promise<Buffer> {
  const name = (await readdir(join(root, 'boot'))).find((each) => each.startsWith('vmlinuz-'))!;
  const image = await readFile(join(root, 'boot', name));
  const start = (image.readUInt8(0x1f1) + 1) * 512 + image.readUInt32LE(0x248);
  const payload = join(into, 'payload.lz4');
  // Its last four bytes are the unpacked size, which lz4 takes for another frame.
  await writeFile(payload, image.subarray(start, start + image.readUInt32LE(0x24c) - 4));
  await run('lz4', ['-d', '-f', '-q', payload, `${payload}.out`]);
  const elf = await readFile(`${payload}.out`);
  await rm(payload);
  await rm(`${payload}.out`);
  return elf;
}

async function rootEntries(root: string): Promise<NewcEntry[]> {
  const files = new Map<string, { mode: number; content: Buffer }>();
  const add = async (path: string, from: string, mode = 0o755) => files.set(path, { mode, content: await readFile(from) });
  await add('bin/busybox', (await findFile(root, 'busybox', '/bin'))!);
  await add('init', join(guestFiles, 'init'));
  await add('bin/writer', join(guestFiles, 'writer.pl'));
  await add('sbin/shutdown', join(guestFiles, 'shutdown'));
  await add('etc/os-release', join(guestFiles, 'os-release'), 0o644);
  for (const program of programs) {
    await add(program, join(root, program));
    for (const library of await librariesOf(root, program)) await add(library.path, library.from);
  }
  const perlBase = (await findFile(root, 'strict.pm'))!.slice(0, -'/strict.pm'.length);
  for (const name of perlModules) await add(`${perlBase.slice(root.length + 1)}/${name}`, join(perlBase, name), 0o644);
  for (const name of modules) await add(`lib/modules/${name}.ko`, await moduleFile(root, name), 0o644);
  files.set('lib/modules/order', { mode: 0o644, content: Buffer.from(modules.join('\n')) });
  const directories = new Set(['dev', 'proc', 'sys', 'run', 'data', 'tmp', 'sbin', ...[...files.keys()].flatMap(parentsOf)]);
  return [
    ...[...directories].toSorted().map((path): NewcEntry => ({ path, kind: 'directory' })),
    ...[...files].map(([path, file]): NewcEntry => ({ path, kind: 'file', ...file })),
  ];
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The dynamic loader of the packages says what a program needs (ld.so(8), --list). */
async function librariesOf(root: string, program: string): Promise<{ path: string; from: string }[]> {
  const loader = (await findFile(root, 'ld-linux-x86-64.so.2'))!;
  const places = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((place) => join(root, place));
  const listed = await run(loader, ['--library-path', places.join(':'), '--list', join(root, program)]);
  const found = [...listed.matchAll(/=> (\/\S+)/g)].map((match) => match[1]!).filter((from) => from.startsWith(root));
  return [
    { path: 'lib64/ld-linux-x86-64.so.2', from: loader },
    ...found.map((from) => ({ path: `lib/x86_64-linux-gnu/${basename(from)}`, from })),
  ];
}

async function moduleFile(root: string, name: string): Promise<string> {
  const plain = await findFile(root, `${name}.ko`);
  if (plain) return plain;
  // Newer Debian kernels have their modules packed.
  const packed = (await findFile(root, `${name}.ko.xz`)) ?? '';
  await run('xz', ['-d', packed]);
  return packed.slice(0, -'.xz'.length);
}

/** The first file of this name, below a directory whose path ends in `below`. */
async function findFile(root: string, name: string, below = ''): Promise<string | undefined> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.name === name && entry.parentPath.endsWith(below) && (entry.isFile() || entry.isSymbolicLink()))
      return join(entry.parentPath, name);
  }
  return undefined;
}
