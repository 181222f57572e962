/** What can be asked of a guest's agent without changing anything. */

import { allowRefusal } from '../host/channel/allow-refusal.ts';
import type { AgentChannel } from '../host/channel/types.ts';
import type { Windows } from '../host/window/windows.ts';
import { fitting } from '../model/window/bounds.ts';
import type { GuestId } from '../model/ids.ts';
import type { GuestInfo, GuestLease } from '../model/workflows/guest-command.ts';
import { fsfreezeStatus } from '../protocol/agent/commands/guest-fsfreeze-status.ts';
import { getFsinfo } from '../protocol/agent/commands/guest-get-fsinfo.ts';
import { getOsinfo } from '../protocol/agent/commands/guest-get-osinfo.ts';
import { info, type AgentInfo } from '../protocol/agent/commands/guest-info.ts';
import { ping } from '../protocol/agent/commands/guest-ping.ts';
import { leaseStatus } from '../protocol/agent/commands/stillframe-status.ts';
import { serve } from './activities.ts';

/** UTF-16 units of a list's JSON: a result stays far below what the server carries, and lists some hundred mount points. */
const longestList = 32_000;

export function createGuestActivities({ windows }: { windows: Windows }) {
  return serve({
    /** Milliseconds of one ping on a synced channel. */
    guestPing: ({ guest }: { guest: GuestId }) =>
      windows.withChannel(guest, async (channel) => {
        const startedMs = performance.now();
        await channel.execute(ping, undefined);
        return performance.now() - startedMs;
      }),

    guestInfo: ({ guest }: { guest: GuestId }) =>
      windows.withChannel(guest, async (channel): Promise<GuestInfo> => {
        const agent = await channel.execute(info, undefined);
        // A frozen agent refuses both, and an old one has no osinfo: a field that it does not report is left out.
        const system = await allowRefusal(channel.execute(getOsinfo, undefined));
        const lease = await askLease(channel, agent);
        const filesystems = await allowRefusal(channel.execute(getFsinfo, undefined));
        const all = (filesystems ?? []).map(({ mountpoint, type, name }) => ({ mountpoint, type, device: name }));
        const listed = fitting(all, longestList);
        return {
          agent: lease ? 'stillframe' : 'qemu-ga',
          version: agent.version,
          commands: agent.commands.filter((command) => command.enabled).length,
          os: system?.prettyName ?? system?.name ?? null,
          filesystems: listed,
          ...(listed.length < all.length && { filesystemsOmitted: all.length - listed.length }),
          ...(lease && { lease }),
        };
      }),

    guestStatus: async ({ guest }: { guest: GuestId }) => {
      const owed = await windows.status(guest);
      const { agent, lease } = await windows.withChannel(guest, async (channel) => ({
        lease: await askLease(channel, await channel.execute(info, undefined)),
        agent: await channel.execute(fsfreezeStatus, undefined),
      }));
      const window = owed && { backup: owed.backup, epoch: owed.epoch, openedAt: owed.openedAt, leaseMs: owed.leaseMs };
      return { agent, window, ...(lease && { lease }) };
    },
  });
}

/** Null for a stock agent: only our agent has the command, and answers it while it is frozen too. */
async function askLease(channel: AgentChannel, { commands }: AgentInfo): Promise<GuestLease | null> {
  if (!commands.some(({ name, enabled }) => name === leaseStatus.name && enabled)) return null;
  const { state, epoch, remaining, held, foreign } = await channel.execute(leaseStatus, undefined);
  return {
    state,
    epoch: epoch ?? null,
    remainingMs: remaining ?? null,
    held: fitting(held, longestList),
    foreign: fitting(foreign, longestList),
  };
}
