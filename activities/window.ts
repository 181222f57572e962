/** Windows as activities. All are shielded: none listens to cancellation, since a window ends by itself within its lease. */

import { cancellationSignal } from '@temporalio/activity';
import type { Backups } from '../backup/backups.ts';
import type { Reaper } from '../backup/reaper.ts';
import type { Windows } from '../host/window/windows.ts';
import type { GuestId } from '../model/ids.ts';
import type { ThawedBy, WindowKey, WindowRequest } from '../model/window/window.ts';
import { serve } from './activities.ts';

export interface WindowParts {
  windows: Windows;
  backups: Pick<Backups, 'check'>;
  reaper: Pick<Reaper, 'claim' | 'clear'>;
}

export function createWindowActivities({ windows, backups, reaper }: WindowParts) {
  return serve({
    /** What can be known about the repository is known before the freeze. */
    async freezeWindow({ repository, ...request }: WindowRequest & { repository?: string | undefined }) {
      using _ = await reaper.claim(request.backup);
      if (repository !== undefined) await backups.check(repository);
      await reaper.clear(request.guest, request.backup);
      // Waited for here: the claim stands until then.
      return await windows.freezeWindow(request);
    },
    freeze: (request: WindowRequest) => windows.freeze(request),
    /** The one that listens: a snapshot command whose workflow was cancelled is killed. */
    snapshot: ({ key, name }: { key: WindowKey; name: string }) => windows.snapshot(key, name, cancellationSignal()),
    thaw: (key: WindowKey) => windows.thaw(key),
    ensureThawed: ({ guest, by }: { guest: GuestId; by: ThawedBy }) => windows.ensureThawed(guest, by),
    windowOutcome: (key: WindowKey) => windows.outcome(key),
  });
}
