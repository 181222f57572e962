/** Machines with disks as sysfs shows them. */

import { type TestContext } from 'node:test';
import type { Kernel } from '../../../../agent/core/platform.ts';
import { kernel } from '../../../../agent/platform/node/kernel.ts';
import { systemError } from '../../../../agent/platform/node/system-error.ts';
import { onMachine } from './machine.ts';

export interface Disk {
  /** Below /sys/devices. */
  path: string;
  number: string;
  partitions?: string[];
  /** PCI functions on the way, with their drivers. */
  drivers?: Record<string, string>;
  files?: Record<string, string>;
  slaves?: string[];
  udev?: string;
}

/** A sysfs with these disks, and a mount table with a filesystem of each device in `mounts`. */
export function disksMachine(t: TestContext, disks: Disk[], mounts: string[] = [], more: Partial<Kernel> = {}) {
  const files: Record<string, string> = {};
  const links: Record<string, string> = {};
  const addDevice = (path: string, number: string, udev: string | undefined) => {
    const [major, minor] = number.split(':');
    files[`${path}/uevent`] = `MAJOR=${major}\nMINOR=${minor}\nDEVNAME=${path.split('/').at(-1)}\nDEVTYPE=disk\n`;
    links[`/sys/dev/block/${number}`] = `../../..${path}`;
    if (udev) files[`/run/udev/data/b${number}`] = udev;
  };
  for (const { path, number, partitions = [], drivers = {}, slaves = [], udev, ...disk } of disks) {
    const name = path.split('/').at(-1)!;
    const sysPath = `/sys/devices${path}`;
    addDevice(sysPath, number, udev);
    links[`/sys/block/${name}`] = `../devices${path}`;
    files[`${sysPath}/size`] = '2048\n';
    const [major, minor] = number.split(':').map(Number) as [number, number];
    partitions.forEach((each, index) => addDevice(`${sysPath}/${each}`, `${major}:${minor + index + 1}`, udev));
    for (const [place, driver] of Object.entries(drivers)) links[`/sys/devices${place}/driver`] = `../bus/pci/drivers/${driver}`;
    for (const slave of slaves)
      links[`${sysPath}/slaves/${slave}`] = `${'../'.repeat(path.split('/').length + 2)}sys/block/${slave}`;
    for (const [file, text] of Object.entries(disk.files ?? {})) files[`/sys/devices${file}`] = text;
  }
  files['/proc/self/mountinfo'] = mounts
    .map((number, index) => `${index + 20} 1 ${number} / /m${index} rw - ext4 /dev/x rw\n`)
    .join('');
  const sizes: Kernel['sizes'] = (paths) => Promise.resolve(paths.map(() => systemError(110)));
  return onMachine(t, files, { links, kernel: { ...kernel, sizes, ...more } });
}

export const pci = '/pci0000:00/0000:00:05.0';

export const virtio: Disk = {
  path: `${pci}/virtio2/block/vda`,
  number: '254:0',
  drivers: { [pci]: 'virtio-pci' },
  partitions: ['vda1', 'vda2'],
};
