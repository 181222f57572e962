/** guest-get-fsinfo (QEMU 2.2): the mounted filesystems that have a block device. */

import type { AgentCommand } from '../command.ts';
import { listReply, slowReadMs } from '../limits.ts';
import { asArray, asObject, asString, noArguments } from '../shape.ts';

export interface FilesystemInfo {
  /** Name of the block device, `vda1`. */
  name: string;
  mountpoint: string;
  type: string;
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
      };
    }),
  effect: 'read',
  timeLimitMs: slowReadMs,
  maxReplyBytes: listReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, FilesystemInfo[]>;
