/** guest-get-fsinfo (QEMU 2.2): the mounted filesystems that have a block device. */

import type { JsonObject } from '../../json.ts';
import type { AgentCommand } from '../command.ts';
import { listReply, slowReadMs } from '../limits.ts';
import { asArray, asObject, asString, noArguments, optional } from '../shape.ts';

export interface FilesystemInfo {
  /** Name of the block device, `vda1`. */
  name: string;
  mountpoint: string;
  type: string;
  /** The PCI function of each disk below it; null where the agent does not know one. Undefined of an agent that reports no disks. */
  disks: (PciFunction | null)[] | undefined;
}

export interface PciFunction {
  domain: number;
  bus: number;
  slot: number;
  function: number;
}

export const getFsinfo = {
  name: 'guest-get-fsinfo',
  arguments: noArguments,
  reply: (value) =>
    asArray(value, 'return').map((each) => {
      const filesystem = asObject(each, 'return[]');
      return {
        name: asString(filesystem.name, 'name'),
        mountpoint: asString(filesystem.mountpoint, 'mountpoint'),
        type: asString(filesystem.type, 'type'),
        disks: optional(filesystem.disk, 'disk', asArray)?.map((disk) =>
          pciFunction(asObject(asObject(disk, 'disk[]')['pci-controller'], 'pci-controller')),
        ),
      };
    }),
  effect: 'read',
  timeLimitMs: slowReadMs,
  maxReplyBytes: listReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, FilesystemInfo[]>;

/** qemu-ga reports -1 in every field of one that it does not know. */
function pciFunction({ domain, bus, slot, function: fn }: JsonObject): PciFunction | null {
  const known = [domain, bus, slot, fn].every((each) => typeof each === 'number' && each >= 0);
  return known ? ({ domain, bus, slot, function: fn } as unknown as PciFunction) : null;
}
