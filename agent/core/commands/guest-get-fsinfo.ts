/** guest-get-fsinfo: the filesystems on block devices: mount points, used space, and the disks that hold them. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';
import { blockDeviceOf, blockFilesystems, deviceKey, type Mount } from '../mounts.ts';
import { SystemError, type Files, type FilesystemSize, type Platform } from '../platform.ts';
import { isVirtual, slavesOf } from '../system/block-device.ts';
import { diskAddress } from '../system/disk-address.ts';
import { asCommandError, orUndefined } from '../system/call-errors.ts';

/** A dead mount reports no sizes; Proxmox waits five seconds for the reply about all the others. */
const sizeLimitMs = 3_000;

export const getFsinfo: Command = {
  takes: {},
  async run({ platform }) {
    // In qemu-ga's order: the last mounted first.
    const mounts = asCommandError('failed to open mount table', () => blockFilesystems(platform)).toReversed();
    const sizes = await platform.kernel.sizes(
      mounts.map(({ mountPoint }) => mountPoint),
      sizeLimitMs,
    );
    return mounts.map((mount, index) => describe(platform, mount, sizes[index]));
  },
};

function describe(platform: Platform, mount: Mount, size: FilesystemSize | SystemError | undefined): JsonObject {
  const device = blockDeviceOf(platform, mount);
  const sysPath = device && orUndefined(() => platform.files.resolve(`/sys/dev/block/${device}`));
  return {
    name: sysPath?.slice(sysPath.lastIndexOf('/') + 1) ?? deviceKey(mount.device),
    mountpoint: mount.mountPoint,
    type: mount.type,
    ...(size && !(size instanceof SystemError) && usage(size)),
    disk: sysPath === undefined ? [] : disksBelow(platform.files, sysPath),
  };
}

function usage({ blockSize, blocks, free, available }: FilesystemSize): JsonObject {
  const bytes = (count: bigint) => count * BigInt(blockSize);
  const used = blocks - free;
  return {
    'used-bytes': bytes(used),
    // Without the space that is reserved for root.
    'total-bytes': bytes(used + available),
    'total-bytes-privileged': bytes(blocks),
  };
}

/** Real stacks are not deeper; a sysfs that shows a circle must not make this loop for ever. */
const mostLevels = 16;

function disksBelow(files: Files, sysPath: string, levels = mostLevels): JsonObject[] {
  if (!isVirtual(sysPath)) {
    const address = diskAddress(files, sysPath);
    return address ? [address] : [];
  }
  if (levels === 0) return [];
  return (slavesOf(files, sysPath) ?? []).toReversed().flatMap((slave) => {
    const below = orUndefined(() => files.resolve(`${sysPath}/slaves/${slave}`));
    return below === undefined ? [] : disksBelow(files, below, levels - 1);
  });
}
