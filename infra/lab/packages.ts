/** The programs that the lab runs on this machine: found, installed when we may, or named with the command that installs them. */

import { findProgram } from '../../lib/find-program.ts';
import { run } from '../../lib/run.ts';

/** Program → Debian package and why it is needed. */
const needed = {
  'qemu-system-x86_64': { package: 'qemu-system-x86', why: 'runs the guests' },
  'qemu-img': { package: 'qemu-utils', why: 'makes scratch images and copies disks' },
  'mkfs.xfs': { package: 'xfsprogs', why: 'formats a guest’s disk' },
  'mkfs.ext4': { package: 'e2fsprogs', why: 'formats a guest’s disk' },
  sfdisk: { package: 'fdisk', why: 'partitions a disk' },
  lz4: { package: 'lz4', why: 'unpacks the guests’ kernel' },
} as const;

/** mkfs is there, and an ordinary user's PATH leaves both out. */
const systemPlaces = ['/usr/sbin', '/sbin'];

let ensured: Promise<void> | undefined;

/** @throws when something is missing and we are not root: the message holds the command */
export function ensurePackages(): Promise<void> {
  return (ensured ??= install());
}

async function install(): Promise<void> {
  const missing: (typeof needed)[keyof typeof needed][] = [];
  for (const [program, from] of Object.entries(needed)) if (!(await findProgram(program, systemPlaces))) missing.push(from);
  if (missing.length === 0) return;
  const names = missing.map((each) => each.package);
  if (process.getuid?.() !== 0)
    throw new Error(`the lab needs ${names.join(', ')}: run "sudo apt-get install ${names.join(' ')}" once, then this again`);
  for (const each of missing) process.stderr.write(`lab: installing ${each.package}, which ${each.why}\n`);
  await aptGet(['install', '-y', '--no-install-recommends', ...names]);
}

/** Lists may be missing or old on a new machine: one update, then once more. */
export async function aptGet(args: string[], cwd?: string): Promise<void> {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, cwd };
  // As root apt-get fetches as the user _apt, who may not write where we let it.
  const common = ['-q', '-o', 'APT::Sandbox::User=root', '-o', 'DPkg::Lock::Timeout=120'];
  try {
    await run(['apt-get', ...common, ...args], options);
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
    await run(['apt-get', ...common, 'update'], options);
    await run(['apt-get', ...common, ...args], options);
  }
}
