/** What sysfs and udev report about one block device. Paths are resolved ones below /sys/devices. */

import type { Files } from '../platform.ts';
import { orUndefined } from './call-errors.ts';

/** /dev/vda1, by the name that the kernel gave it. */
export function nodeOf(files: Files, sysPath: string): string | undefined {
  const name = ueventOf(files, sysPath).get('DEVNAME');
  return name && `/dev/${name}`;
}

/** A property from udev's database (/run/udev/data, `E:NAME=VALUE`); undefined without udev. */
export function propertyOf(files: Files, sysPath: string, name: string): string | undefined {
  const uevent = ueventOf(files, sysPath);
  const record = orUndefined(() => files.readText(`/run/udev/data/b${uevent.get('MAJOR')}:${uevent.get('MINOR')}`));
  const line = record?.split('\n').find((each) => each.startsWith(`E:${name}=`));
  return line?.slice(`E:${name}=`.length);
}

/** Names of the devices below a stacked one (dm, md). Undefined for a device that cannot have any. */
export function slavesOf(files: Files, sysPath: string): string[] | undefined {
  return orUndefined(() => files.list(`${sysPath}/slaves`));
}

/** Loop, dm, md, ram and the like: devices without hardware. */
export function isVirtual(sysPath: string): boolean {
  return sysPath.includes('/devices/virtual/block/');
}

function ueventOf(files: Files, sysPath: string): Map<string, string> {
  const lines = orUndefined(() => files.readText(`${sysPath}/uevent`))?.split('\n') ?? [];
  return new Map(
    lines
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
