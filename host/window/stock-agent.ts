/** Windows on the stock qemu-ga: it counts, and has one flag for everything. */

import { fsfreezeFreeze } from '../../protocol/agent/commands/guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from '../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { fsfreezeThaw } from '../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { getFsinfo } from '../../protocol/agent/commands/guest-get-fsinfo.ts';
import { pciPlace, unknownPlace } from '../../model/window/places.ts';
import { reason } from '../../model/window/reasons.ts';
import type { Peer } from './peer.ts';

export const stockAgent: Peer = {
  async look(channel) {
    // A frozen agent refuses to list its filesystems.
    if ((await channel.execute(fsfreezeStatus, undefined)) === 'frozen') return { frozen: true, claim: { filesystems: [] } };
    const filesystems = await channel.execute(getFsinfo, undefined);
    return {
      frozen: false,
      claim: {
        filesystems: filesystems.map(({ mountpoint, type, name, disks }) => ({
          mountpoint,
          type,
          device: name,
          // Without a disk it is on a loop device, in memory or on the network, and a file behind a loop device may be on a disk.
          ...(disks?.length && { places: disks.map((disk) => (disk ? pciPlace(disk) : unknownPlace)) }),
        })),
      },
    };
  },

  freeze: async (channel, { timeoutMs, onSent }) => ({
    frozenCount: await channel.execute(fsfreezeFreeze, undefined, { timeoutMs, onSent }),
  }),

  async prove(channel) {
    const frozen = (await channel.execute(fsfreezeStatus, undefined)) === 'frozen';
    return { doubts: frozen ? [] : [reason('freeze-not-held')], claim: {} };
  },

  async thaw(channel, _epoch, { onSent, onAnswer }) {
    onAnswer({ count: await channel.execute(fsfreezeThaw, undefined, { onSent }), epoch: null });
    return { thawed: (await channel.execute(fsfreezeStatus, undefined)) === 'thawed', bootId: null };
  },
};
