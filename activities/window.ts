/** Windows as activities. All are shielded: none listens to cancellation, since a window ends by itself within its lease. */

import { cancellationSignal } from '@temporalio/activity';
import type { Windows } from '../host/window/windows.ts';
import type { GuestId } from '../model/ids.ts';
import type { ThawedBy, WindowKey, WindowRequest } from '../model/window/window.ts';
import { failing } from './failures.ts';
import { beating } from './heartbeats.ts';

const nothing = () => undefined;

export function createWindowActivities({ windows }: { windows: Windows }) {
  return {
    freezeWindow: (request: WindowRequest) => failing(() => beating(nothing, () => windows.freezeWindow(request))),
    freeze: (request: WindowRequest) => failing(() => windows.freeze(request)),
    /** The one that listens: a snapshot command that nobody waits for is ended. */
    snapshot: ({ key, name }: { key: WindowKey; name: string }) =>
      failing(() => beating(nothing, () => windows.snapshot(key, name, cancellationSignal()))),
    thaw: (key: WindowKey) => failing(() => windows.thaw(key)),
    ensureThawed: ({ guest, by }: { guest: GuestId; by: ThawedBy }) => failing(() => windows.ensureThawed(guest, by)),
    windowOutcome: (key: WindowKey) => failing(() => windows.outcome(key)),
  };
}
