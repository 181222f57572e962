/** The disk of a Debian guest with systemd, udev and dpkg, made of Debian's packages without installing or mounting anything. */

import { createHash } from 'node:crypto';
import { appendFile, chmod, cp, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../lib/run.ts';
import { cached } from '../lab/cache.ts';
import { newcArchive } from '../lab/newc.ts';
import { aptGet } from '../lab/packages.ts';

export interface SystemdImage {
  /** An ext4 filesystem, the guest's root; to be copied before use. */
  disk: string;
  /** Laid over the lab guests' first root: its init continues from the disk. */
  initrd: Buffer;
}

const here = fileURLToPath(new URL('./systemd-guest/', import.meta.url));

/** What the agent's package meets on a small Debian; their libraries come along. */
const packages = [
  'base-files',
  'base-passwd',
  'bash',
  'coreutils',
  'dash',
  'debianutils',
  'diffutils',
  'dpkg',
  'findutils',
  'grep',
  'init-system-helpers',
  'libc-bin',
  'mount',
  'perl-base',
  'procps',
  'sed',
  'systemd',
  'systemd-sysv',
  'tar',
  'udev',
  'util-linux',
];

/** The peer whose place our package takes; it is put on the disk to be installed there. */
const peer = 'qemu-guest-agent';

/** The system takes 300 MiB of it. */
const diskBytes = 1024 * 2 ** 20;

/** Raise it when the way in which the disk is made changes. */
const recipe = 2;

export async function systemdImage(): Promise<SystemdImage> {
  const shell = await Promise.all(['lab-shell.service', 'lab-shell'].map((name) => readFile(join(here, name))));
  const init = await readFile(join(here, 'init'));
  const key = createHash('sha256').update(`${recipe} ${packages.join()}`).update(Buffer.concat(shell)).digest('hex').slice(0, 16);
  const directory = await cached(`systemd-${key}`, makeDisk);
  return { disk: join(directory, 'root.raw'), initrd: newcArchive([{ path: 'init', kind: 'file', mode: 0o755, content: init }]) };
}

async function makeDisk(into: string): Promise<void> {
  process.stderr.write('lab: making a Debian guest with systemd from packages (once)\n');
  const debs = join(into, 'debs');
  const root = join(into, 'root');
  await mkdir(debs);
  await aptGet(['download', ...packages, peer, ...(await librariesOf([...packages, peer]))], debs);
  for (const directory of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(root, 'usr', directory), { recursive: true });
    await symlink(`usr/${directory}`, join(root, directory));
  }
  for (const deb of await readdir(debs)) {
    if (deb.startsWith(`${peer}_`)) continue;
    await run([
      'sh',
      '-c',
      `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`,
      'sh',
      join(debs, deb),
      root,
    ]);
  }
  await configure(root);
  const stock = (await readdir(debs)).find((deb) => deb.startsWith(`${peer}_`))!;
  await rename(join(debs, stock), join(root, `root/${peer}.deb`));
  const disk = join(into, 'root.raw');
  await writeFile(disk, '');
  await truncate(disk, diskBytes);
  await run(['mkfs.ext4', '-q', '-F', '-d', root, disk]);
  await rm(debs, { recursive: true });
  await rm(root, { recursive: true });
}

/** What the packages' own scripts would have done, as far as a guest without users and network needs it. */
async function configure(root: string): Promise<void> {
  for (const name of ['passwd', 'group']) await cp(join(root, `usr/share/base-passwd/${name}.master`), join(root, 'etc', name));
  await symlink('dash', join(root, 'usr/bin/sh')).catch(() => {});
  for (const name of ['run', 'lock']) {
    await rm(join(root, 'var', name), { recursive: true, force: true });
    await symlink(name === 'run' ? '/run' : '/run/lock', join(root, 'var', name));
  }
  await writeFile(join(root, 'etc/hostname'), 'systemd-guest\n');
  await writeFile(join(root, 'etc/machine-id'), '');
  await appendFile(join(root, 'etc/fstab'), '/dev/vda / ext4 defaults 0 0\n');
  // dpkg begins with an empty database.
  await mkdir(join(root, 'var/lib/dpkg/updates'), { recursive: true });
  await mkdir(join(root, 'var/lib/dpkg/info'), { recursive: true });
  await writeFile(join(root, 'var/lib/dpkg/status'), '');
  const units = join(root, 'etc/systemd/system');
  await cp(join(here, 'lab-shell'), join(root, 'usr/lib/lab-shell'));
  await cp(join(here, 'lab-shell.service'), join(units, 'lab-shell.service'));
  await mkdir(join(units, 'multi-user.target.wants'), { recursive: true });
  await symlink('../lab-shell.service', join(units, 'multi-user.target.wants/lab-shell.service'));
  await mkdir(join(root, 'root'), { recursive: true });
  await chmod(join(root, 'root'), 0o700);
}

async function librariesOf(names: string[]): Promise<string[]> {
  const only = ['--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks', '--no-replaces', '--no-enhances'];
  const listed = await run(['apt-cache', 'depends', '--recurse', ...only, ...names]);
  const isLibrary =
    /^(lib(?!c-bin|perl|file-find|number|text-glob|text-wrapi|debian-installer|newt|slang|elogind|gdbm|semanage|db)|zlib1g$|gcc-\d+-base$)/;
  return [...new Set(listed.split('\n').filter((line) => isLibrary.test(line)))];
}
