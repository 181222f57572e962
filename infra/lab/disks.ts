/** Fresh data disks for lab guests: sparse files with one filesystem each. */

import { truncate, writeFile } from 'node:fs/promises';
import { run } from '../../lib/run.ts';

export type Filesystem = 'ext4' | 'xfs';

/** mkfs.xfs refuses less than 300 MiB. */
const diskBytes = 320 * 2 ** 20;

/** The disks that every lab guest has, by the order in which it sees them. */
export const labDisks: { name: string; filesystem: Filesystem }[] = [
  { name: 'disk0', filesystem: 'ext4' },
  { name: 'disk1', filesystem: 'xfs' },
];

export async function makeBlankDisk(path: string): Promise<void> {
  await writeFile(path, '');
  await truncate(path, diskBytes);
}

export async function makeDisk(path: string, filesystem: Filesystem): Promise<void> {
  await makeBlankDisk(path);
  await (filesystem === 'ext4' ? run(['mkfs.ext4', '-q', '-F', path]) : run(['mkfs.xfs', '-q', '-f', path]));
}

/** A copy that keeps holes, and shares blocks where the filesystem can. */
export async function copyDisk(from: string, to: string): Promise<void> {
  await run(['cp', '--sparse=always', '--reflink=auto', from, to]);
}
