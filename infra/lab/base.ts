/** What lab guests are made of: Debian's kernel with the modules and programs that its packages hold, unpacked once. */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.ts';
import { newcArchive, type NewcEntry } from './newc.ts';
import { aptGet } from './packages.ts';
import { run } from '../../lib/run.ts';

export interface GuestBase {
  kernel: string;
  /** Archive of busybox, modules and our own files: all that a guest needs to boot. */
  system: string;
  /** Archive of what the lab adds: stock qemu-ga, perl for the writers, programs that make filesystems. */
  programs: string;
  /** Changes with the content of all three. */
  key: string;
}

const guestFiles = fileURLToPath(new URL('./guest/', import.meta.url));

/** Loaded in this order; ext4 is built into Debian's cloud kernel. */
const bootModules = [
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

/** Loaded by tests that need them: `insmod /lib/modules/<name>.ko`, vfat after fat, btrfs after those before it. */
const moreModules = [
  'loop',
  'overlay',
  'fat',
  'vfat',
  'nls_cp437',
  'nls_utf8',
  'nls_ascii',
  'nls_iso8859-1',
  'fuse',
  'xor',
  'raid6_pq',
  'zstd_compress',
  'blake2b_generic',
  'xxhash_generic',
  'btrfs',
];

const kernelPackage = 'linux-image-cloud-amd64';
const linkedPackages = ['qemu-guest-agent', 'perl-base', 'e2fsprogs', 'xfsprogs', 'dosfstools', 'btrfs-progs'];
const linkedPrograms = [
  'usr/sbin/qemu-ga',
  'usr/bin/perl',
  'sbin/mke2fs',
  'sbin/mkfs.xfs',
  'sbin/mkfs.fat',
  'sbin/mkfs.btrfs',
  'bin/btrfs',
];
const perlModules = ['strict.pm', 'warnings.pm', 'constant.pm', 'warnings/register.pm'];

/** Raise it when the way in which the parts are made changes. */
const recipe = 4;

export async function guestBase(): Promise<GuestBase> {
  const files = await Promise.all(
    (await readdir(guestFiles)).toSorted().map(async (name) => [name, await readFile(join(guestFiles, name))] as const),
  );
  const hash = createHash('sha256').update([recipe, bootModules, moreModules, linkedPrograms].join(' '));
  for (const [name, content] of files) hash.update(name).update(content);
  const key = hash.digest('hex').slice(0, 16);
  const directory = await cached(`guest-${key}`, (into) => build(into));
  const [kernel, system, programs] = ['vmlinux', 'system', 'programs'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  return { kernel, system, programs, key };
}

async function build(into: string): Promise<void> {
  process.stderr.write('lab: making guests from Debian’s kernel, busybox, qemu-guest-agent and other packages (once)\n');
  const debs = join(into, 'debs');
  const root = join(into, 'root');
  await mkdir(debs);
  await aptGet(['download', ...(await packageNames())], debs);
  for (const deb of await readdir(debs)) await run(['dpkg', '-x', join(debs, deb), root]);
  await writeFile(join(into, 'vmlinux'), await unpackKernel(root, into));
  await writeFile(join(into, 'system'), await systemArchive(root));
  await writeFile(join(into, 'programs'), await programsArchive(root));
  await rm(debs, { recursive: true });
  await rm(root, { recursive: true });
}

/** The packages that hold our programs' libraries, and the kernel that the meta package stands for today. */
async function packageNames(): Promise<string[]> {
  const only = ['--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks', '--no-replaces', '--no-enhances'];
  const kernel = /Depends: (linux-image-\S+)/.exec(await dependencies([...only, kernelPackage]))?.[1];
  if (!kernel) throw new Error(`Debian's ${kernelPackage} names no kernel`);
  const recursive = await dependencies([...only, '--recurse', ...linkedPackages]);
  const libraries = recursive.split('\n').filter((line) => /^(zlib|lib(?!perl|file-find|number|text-glob|db|gdbm))/.test(line));
  return [kernel, 'busybox-static', ...linkedPackages, ...new Set(libraries)];
}

async function dependencies(args: string[]): Promise<string> {
  const ask = () => run(['apt-cache', 'depends', ...args]);
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
  await run(['lz4', '-d', '-f', '-q', payload, `${payload}.out`]);
  const elf = await readFile(`${payload}.out`);
  await rm(payload);
  await rm(`${payload}.out`);
  return elf;
}

async function systemArchive(root: string): Promise<Buffer> {
  const names = [...bootModules, ...moreModules];
  return newcArchive([
    ...['dev', 'proc', 'sys', 'run', 'data', 'tmp', 'bin', 'etc', 'lib', 'lib/modules', 'mnt', 'sbin'].map((path): NewcEntry => ({
      path,
      kind: 'directory',
    })),
    await fileEntry('bin/busybox', (await findFile(root, 'busybox', '/bin'))!),
    await fileEntry('init', join(guestFiles, 'init')),
    await fileEntry('sbin/shutdown', join(guestFiles, 'shutdown')),
    await fileEntry('etc/os-release', join(guestFiles, 'os-release'), 0o644),
    ...(await Promise.all(names.map(async (name) => fileEntry(`lib/modules/${name}.ko`, await moduleFile(root, name), 0o644)))),
    { path: 'lib/modules/order', kind: 'file', mode: 0o644, content: Buffer.from(bootModules.join('\n')) },
  ]);
}

async function programsArchive(root: string): Promise<Buffer> {
  const files = new Map<string, NewcEntry>();
  const add = async (path: string, from: string, mode = 0o755) => files.set(path, await fileEntry(path, from, mode));
  await add('bin/writer', join(guestFiles, 'writer.pl'));
  for (const program of linkedPrograms) {
    await add(program, join(root, program));
    for (const library of await librariesOf(root, program)) await add(library.path, library.from);
  }
  const perlBase = (await findFile(root, 'strict.pm'))!.slice(0, -'/strict.pm'.length);
  for (const name of perlModules) await add(`${perlBase.slice(root.length + 1)}/${name}`, join(perlBase, name), 0o644);
  const directories = new Set([...files.keys()].flatMap(parentsOf));
  return newcArchive([...[...directories].toSorted().map((path): NewcEntry => ({ path, kind: 'directory' })), ...files.values()]);
}

async function fileEntry(path: string, from: string, mode = 0o755): Promise<NewcEntry> {
  return { path, kind: 'file', mode, content: await readFile(from) };
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The dynamic loader of the packages says what a program needs (ld.so(8), --list). */
async function librariesOf(root: string, program: string): Promise<{ path: string; from: string }[]> {
  const loader = (await findFile(root, 'ld-linux-x86-64.so.2'))!;
  const places = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((place) => join(root, place));
  const listed = await run([loader, '--library-path', places.join(':'), '--list', join(root, program)]);
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
  await run(['xz', '-d', packed]);
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
