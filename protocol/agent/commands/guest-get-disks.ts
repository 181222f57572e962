/** guest-get-disks (QEMU 5.2): disks and their partitions, and the devices that each is on. */

import type { AgentCommand } from '../command.ts';
import { listReply, slowReadMs } from '../limits.ts';
import { asArray, asBoolean, asObject, asString, noArguments, optional } from '../shape.ts';

export interface DiskInfo {
  /** Device node, `/dev/vda1`. */
  name: string;
  partition: boolean;
  dependencies: string[] | undefined;
  address: { busType: string; serial: string | undefined } | undefined;
  /** Name of a device-mapper device. */
  alias: string | undefined;
}

export const getDisks = {
  name: 'guest-get-disks',
  arguments: noArguments,
  reply: (value) =>
    asArray(value, 'return').map((each) => {
      const disk = asObject(each, 'return[]');
      return {
        name: asString(disk.name, 'name'),
        partition: asBoolean(disk.partition, 'partition'),
        dependencies: optional(disk.dependencies, 'dependencies', asArray)?.map((name) => asString(name, 'dependencies[]')),
        address: optional(disk.address, 'address', (value) => {
          const address = asObject(value, 'address');
          return {
            busType: asString(address['bus-type'], 'bus-type'),
            serial: optional(address.serial, 'serial', asString),
          };
        }),
        alias: optional(disk.alias, 'alias', asString),
      };
    }),
  effect: 'read',
  timeLimitMs: slowReadMs,
  maxReplyBytes: listReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, DiskInfo[]>;
