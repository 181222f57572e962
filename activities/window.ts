/** Windows as activities. All are shielded: none listens to cancellation, since a window ends by itself within its lease. */

import { cancellationSignal } from '@temporalio/activity';
import type { Backups } from '../backup/backups.ts';
import type { Reaper } from '../backup/reaper.ts';
import type { Windows } from '../host/window/windows.ts';
import { withDeadline } from '../lib/deadline.ts';
import { StillframeError } from '../model/errors.ts';
import type { GuestId } from '../model/ids.ts';
import { longestLeaseMs } from '../model/window/lease.ts';
import type { ThawedBy, WindowKey, WindowOutcome, WindowRequest } from '../model/window/window.ts';
import { serve } from './activities.ts';

export interface WindowParts {
  windows: Windows;
  backups: Pick<Backups, 'check'>;
  reaper: Pick<Reaper, 'claim' | 'clear'>;
}

export function createWindowActivities({ windows, backups, reaper }: WindowParts) {
  /** Windows that are being taken, from before anything is prepared. */
  const running = new Map<string, Promise<WindowOutcome>>();
  /** Their workflows were told that there is no such window: it must not be opened afterwards. One for each activity that was lost. */
  const denied = new Set<string>();

  async function takeWindow({ repository, ...request }: WindowRequest & { repository?: string | undefined }) {
    using _ = await reaper.claim(request.backup);
    if (repository !== undefined) await backups.check(repository);
    await reaper.clear(request.guest, request.backup);
    if (denied.has(nameOf(request))) throw windowDenied(request);
    // Waited for here: the claim stands until then.
    return await windows.freezeWindow(request);
  }

  return serve({
    /** What can be known about the repository is known before the freeze. */
    async freezeWindow(request: WindowRequest & { repository?: string | undefined }) {
      const name = nameOf(request);
      const taking = takeWindow(request);
      running.set(name, taking);
      try {
        return await taking;
      } finally {
        if (running.get(name) === taking) running.delete(name);
      }
    },
    freeze: (request: WindowRequest) => windows.freeze(request),
    /** The one that listens: a snapshot command whose workflow was cancelled is killed. */
    snapshot: ({ key, name }: { key: WindowKey; name: string }) => windows.snapshot(key, name, cancellationSignal()),
    thaw: (key: WindowKey) => windows.thaw(key),
    ensureThawed: ({ guest, by }: { guest: GuestId; by: ThawedBy }) => windows.ensureThawed(guest, by),
    /** A worker that was stopped for a while is taken for lost, and goes on: the window that it is taking is waited for. */
    async windowOutcome(key: WindowKey) {
      const name = nameOf(key);
      const taking = running.get(name);
      if (taking) await withDeadline(taking, longestLeaseMs, () => new Error('late')).catch(() => {});
      const outcome = await windows.outcome(key);
      if (outcome) denied.delete(name);
      else denied.add(name);
      return outcome;
    },
  });
}

const nameOf = ({ guest, backup, attempt }: WindowKey) => `${guest} ${backup} ${attempt}`;

function windowDenied({ guest, backup }: WindowKey): StillframeError {
  return new StillframeError(
    'window-lost',
    `backup ${backup} has asked how its window ended before it was opened, and counts it as lost: start it again`,
    { guest, backup },
  );
}
