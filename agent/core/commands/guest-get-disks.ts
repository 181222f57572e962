/** guest-get-disks: every disk that has a size, and its partitions, each disk's last partition first, as qemu-ga lists them. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';
import type { Files } from '../platform.ts';
import { isVirtual, nodeOf, propertyOf, slavesOf } from '../system/block-device.ts';
import { diskAddress } from '../system/disk-address.ts';
import { asCommandError, orUndefined } from '../system/call-errors.ts';

export const getDisks: Command = {
  takes: {},
  run({ platform: { files } }) {
    const names = asCommandError('Can\'t open directory "/sys/block"', () => files.list('/sys/block'));
    return names.flatMap((name) => describe(files, name)).toReversed();
  },
};

/** Undefined for a drive without a medium, and for a device without a node. */
function describe(files: Files, name: string): JsonObject[] {
  const size = orUndefined(() => files.readText(`/sys/block/${name}/size`))?.trim();
  const sysPath = orUndefined(() => files.resolve(`/sys/block/${name}`));
  const node = sysPath && nodeOf(files, sysPath);
  if (size === undefined || size === '0' || !sysPath || !node) return [];
  const alias = propertyOf(files, sysPath, 'DM_NAME') ?? orUndefined(() => files.readText(`${sysPath}/dm/name`))?.trim();
  const address = isVirtual(sysPath) ? undefined : diskAddress(files, sysPath);
  const slaves = slavesOf(files, sysPath)?.map((slave) => orUndefined(() => nodeOf(files, `${sysPath}/slaves/${slave}`)));
  return [
    {
      name: node,
      partition: false,
      ...(slaves && { dependencies: slaves.filter((slave) => slave !== undefined).toReversed() }),
      ...(address && { address }),
      ...(alias && { alias }),
    },
    ...partitionsOf(files, name, sysPath).map((partition) => ({ name: partition, partition: true, dependencies: [node] })),
  ];
}

/** Directories below the disk's: vda1, nvme0n1p1. */
function partitionsOf(files: Files, name: string, sysPath: string): string[] {
  return (orUndefined(() => files.list(sysPath)) ?? [])
    .filter((entry) => entry.startsWith(name) && /^p?\d/.test(entry.slice(name.length)))
    .map((entry) => nodeOf(files, `${sysPath}/${entry}`))
    .filter((node) => node !== undefined);
}
