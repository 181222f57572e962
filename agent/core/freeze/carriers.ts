/** Finds the filesystems that carry a block device: those that hold the files behind its loop devices, through partitions, dm and md. */

import type { DeviceNumber, Platform } from '../platform.ts';
import { orUndefined } from '../system/call-errors.ts';

export interface Carrier {
  /** st_dev of the file behind a loop device. */
  device: DeviceNumber;
  /** The file's path as sysfs reports it, which may lead to another file by now. */
  path: string | undefined;
}

/** The file behind each loop device below `device` (`major:minor`): its filesystem must still accept writes while the one on `device` is frozen. */
export function carriersOf(platform: Platform, device: string): Carrier[] {
  const found: Carrier[] = [];
  visit(platform, `/sys/dev/block/${device}`, found, deepest);
  return found;
}

/** Real stacks are not deeper; a deeper sysfs is not followed. */
const deepest = 16;

function visit(platform: Platform, path: string, found: Carrier[], deeper: number): void {
  const { files, kernel } = platform;
  if (deeper === 0) return;
  const real = orUndefined(() => files.resolve(path));
  if (real === undefined) return;
  const name = real.slice(real.lastIndexOf('/') + 1);
  if (isPartition(platform, real)) return visit(platform, real.slice(0, real.lastIndexOf('/')), found, deeper - 1);
  if (name.startsWith('loop')) {
    const file = orUndefined(() => files.readText(`${real}/loop/backing_file`).trimEnd());
    // The path in sysfs may be out of date: the device itself knows where its file is.
    const backing = kernel.loopBacking(`/dev/${name}`) ?? orUndefined(() => files.status(file!).device);
    if (backing) found.push({ device: backing, path: file });
  } else if (/^(dm-|md|bcache|drbd)/.test(name)) {
    for (const below of orUndefined(() => files.list(`${real}/slaves`)) ?? [])
      visit(platform, `${real}/slaves/${below}`, found, deeper - 1);
  }
}

function isPartition({ files }: Platform, real: string): boolean {
  return orUndefined(() => files.status(`${real}/partition`)) !== undefined;
}
