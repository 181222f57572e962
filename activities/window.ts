/** Windows as activities. All are shielded: none listens to cancellation, since a window ends by itself within its lease. */

import { cancellationSignal } from '@temporalio/activity';
import type { Windows } from '../host/window/windows.ts';
import type { GuestId } from '../model/ids.ts';
import type { ThawedBy, WindowKey, WindowRequest } from '../model/window/window.ts';
import { mapErrors } from './failures.ts';
import { withHeartbeat } from './heartbeats.ts';

const nothing = () => undefined;

export function createWindowActivities({ windows }: { windows: Windows }) {
  return {
    freezeWindow: (request: WindowRequest) => mapErrors(() => withHeartbeat(nothing, () => windows.freezeWindow(request))),
    freeze: (request: WindowRequest) => mapErrors(() => windows.freeze(request)),
    /** The one that listens: a snapshot command that nobody waits for is ended. */
    snapshot: ({ key, name }: { key: WindowKey; name: string }) =>
      mapErrors(() => withHeartbeat(nothing, () => windows.snapshot(key, name, cancellationSignal()))),
    thaw: (key: WindowKey) => mapErrors(() => windows.thaw(key)),
    ensureThawed: ({ guest, by }: { guest: GuestId; by: ThawedBy }) => mapErrors(() => windows.ensureThawed(guest, by)),
    windowOutcome: (key: WindowKey) => mapErrors(() => windows.outcome(key)),
  };
}
