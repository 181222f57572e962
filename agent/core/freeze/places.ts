/** Finds where the disks below a filesystem are attached, so that a host can tell which of its disks hold it. */

import type { JsonObject } from '../../../protocol/json.ts';
import { blockDeviceOf, deviceKey, mayHang, mountTree, readMounts, type Mount } from '../mounts.ts';
import type { Platform } from '../platform.ts';
import { isVirtual, slavesOf } from '../system/block-device.ts';
import { orUndefined } from '../system/call-errors.ts';
import { diskAddress } from '../system/disk-address.ts';
import { carriersOf, type Carrier } from './carriers.ts';

/** `0000:00:03.0`: the PCI function of a disk; `none`: a part that is on no disk (memory, network); `unknown`: a disk elsewhere. */
export function placesOf(platform: Platform, mount: Mount): string[] {
  return [...new Set(devicesOf(platform, mount).flatMap((path) => below(platform, path, deepest)))];
}

/** Real stacks are not deeper; a sysfs that shows a circle must not make this loop for ever. */
const deepest = 16;

/** Filesystems without any disk. */
const inMemory = new Set(['tmpfs', 'ramfs', 'rootfs', 'hugetlbfs']);
/** Block devices whose content is in memory or on another machine. */
const diskless = /^(ram|zram|nbd|rbd)\d/;

/** Paths in sysfs of the devices that hold a filesystem: a btrfs can have several. */
function devicesOf(platform: Platform, mount: Mount): string[] {
  const { files } = platform;
  const device = blockDeviceOf(platform, mount);
  const path = device === undefined ? undefined : orUndefined(() => files.resolve(`/sys/dev/block/${device}`));
  if (path === undefined) return [''];
  if (mount.type !== 'btrfs') return [path];
  const directories = (orUndefined(() => files.list('/sys/fs/btrfs')) ?? []).map((name) => `/sys/fs/btrfs/${name}/devices`);
  const members = directories.map((directory) =>
    (orUndefined(() => files.list(directory)) ?? []).map((name) => `${directory}/${name}`),
  );
  const resolved = members.map((all) => all.map((each) => orUndefined(() => files.resolve(each)) ?? ''));
  return resolved.find((all) => all.includes(path)) ?? [path, ''];
}

function below(platform: Platform, path: string, deeper: number): string[] {
  const { files } = platform;
  if (path === '' || deeper === 0) return ['unknown'];
  if (!isVirtual(path)) return [pciFunction(diskAddress(files, path)) ?? 'unknown'];
  const parent = path.slice(0, path.lastIndexOf('/'));
  if (orUndefined(() => files.status(`${path}/partition`))) return below(platform, parent, deeper - 1);
  const name = path.slice(parent.length + 1);
  if (name.startsWith('loop')) {
    const device = orUndefined(() => files.readText(`${path}/dev`))?.trim();
    const [carrier] = device === undefined ? [] : carriersOf(platform, device);
    return carrier ? carrierPlaces(platform, carrier, deeper - 1) : ['unknown'];
  }
  const slaves = slavesOf(files, path) ?? [];
  if (slaves.length === 0) return [diskless.test(name) ? 'none' : 'unknown'];
  return slaves.flatMap((slave) =>
    below(platform, orUndefined(() => files.resolve(`${path}/slaves/${slave}`)) ?? '', deeper - 1),
  );
}

/** Of the filesystem that holds the file behind a loop device. */
function carrierPlaces(platform: Platform, { device, path }: Carrier, deeper: number): string[] {
  const { files } = platform;
  if (device.major !== 0)
    return below(platform, orUndefined(() => files.resolve(`/sys/dev/block/${deviceKey(device)}`)) ?? '', deeper);
  const mount = path === undefined ? undefined : orUndefined(() => mountTree(readMounts(platform)).at(files.resolve(path)));
  if (mount?.type === 'btrfs') return devicesOf(platform, mount).flatMap((each) => below(platform, each, deeper));
  // The path may lead to another file by now.
  if (!mount || deviceKey(mount.device) !== deviceKey(device)) return ['unknown'];
  return [inMemory.has(mount.type) || mayHang.test(mount.type) ? 'none' : 'unknown'];
}

function pciFunction(address: JsonObject | undefined): string | undefined {
  const pci = address?.['pci-controller'] as { domain: number; bus: number; slot: number; function: number } | undefined;
  if (!pci || pci.domain < 0) return undefined;
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  return `${hex(pci.domain, 4)}:${hex(pci.bus, 2)}:${hex(pci.slot, 2)}.${pci.function.toString(16)}`;
}
