/** What can be asked of a guest's agent without changing anything. */

import { allowRefusal } from '../host/channel/allow-refusal.ts';
import { askFreezeState, askLease, type FreezeState } from '../host/window/freeze-state.ts';
import type { Sweep } from '../host/window/sweep.ts';
import type { Windows } from '../host/window/windows.ts';
import { fitting } from '../model/window/bounds.ts';
import { isStillframeError, type StillframeError } from '../model/errors.ts';
import type { GuestId } from '../model/ids.ts';
import type { WindowEnd, WindowOutcome } from '../model/window/window.ts';
import type { GuestInfo, GuestStatus } from '../model/workflows/guest-command.ts';
import { getFsinfo } from '../protocol/agent/commands/guest-get-fsinfo.ts';
import { getOsinfo } from '../protocol/agent/commands/guest-get-osinfo.ts';
import { info } from '../protocol/agent/commands/guest-info.ts';
import { ping } from '../protocol/agent/commands/guest-ping.ts';
import { serve } from './activities.ts';

/** UTF-16 units of a list's JSON: a result stays far below what the server carries, and lists some hundred mount points. */
const longestList = 32_000;

export function createGuestActivities({
  windows,
  sweep,
}: {
  windows: Windows;
  sweep: Pick<Sweep, 'strayOf' | 'seenThawed' | 'thawStray'>;
}) {
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

    /** Asked where the window of another host may have left the guest frozen. */
    thawStray: ({ guest }: { guest: GuestId }) => sweep.thawStray(guest),

    /** Also of a guest that does not answer: what it is owed is known without it. */
    guestStatus: async ({ guest }: { guest: GuestId }): Promise<GuestStatus> => {
      const look = async () => ({
        owed: await windows.status(guest),
        ...(await windows
          .withChannel<Answer>(guest, async (channel) => ({ ...(await askFreezeState(channel)), error: null }))
          .catch(unanswered)),
      });
      const first = await look();
      // A window may have opened in between, so a freeze that nobody owes is looked at again.
      const { owed, agent, lease, error } = first.agent === 'frozen' && !first.owed ? await look() : first;
      const last = await windows.latest(guest);
      if (agent === 'thawed') sweep.seenThawed(guest);
      const stray = owed ? null : sweep.strayOf(guest);
      return {
        agent,
        window: owed && {
          backup: owed.backup,
          epoch: owed.epoch,
          openedAt: owed.openedAt,
          leaseMs: owed.leaseMs,
          remainingMs: Math.round(owed.remainingMs),
        },
        ...(error && { unanswered: { code: error.code, message: error.message } }),
        ...(lease && { lease }),
        ...(stray && { strayFoundAt: stray.foundAt }),
        ...(last && { last: endOf(last) }),
      };
    },
  });
}

type Answer = (FreezeState & { error: null }) | { agent: null; lease: null; error: StillframeError };

function unanswered(error: unknown): Answer {
  if (!isStillframeError(error)) throw error;
  return { agent: null, lease: null, error };
}

function endOf(outcome: WindowOutcome): WindowEnd {
  const { backup, epoch, leaseMs, openedAt, closedAt, times, thawedBy, closing, failure, claim } = outcome;
  const guestHeldMs = claim.lease?.heldMs ?? null;
  return { backup, epoch, leaseMs, openedAt, closedAt, times, thawedBy, closing, failure, guestHeldMs };
}
