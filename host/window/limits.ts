/** The host's own limits on windows: who may be frozen, how soon again, how often. Payloads cannot raise them. */

import { StillframeError } from '../../model/errors.ts';
import type { WindowLimits } from '../../model/window/lease.ts';
import { formatDuration } from '../../model/units.ts';
import type { Guest } from '../drivers/driver.ts';

const hourMs = 3_600_000;

/** `closedAgo`: milliseconds since each recent window of this guest closed, newest first. @throws guest-carries, window-too-soon, window-too-many */
export function admitWindow(guest: Guest, closedAgo: readonly number[], limits: WindowLimits): void {
  if (guest.carries.length > 0) {
    throw new StillframeError(
      'guest-carries',
      `guest ${guest.name} carries ${guest.carries.join(', ')} (host's file, carries:), which is needed while it would be frozen: it is never frozen`,
      { guest: guest.id, carries: guest.carries.join(' ') },
    );
  }
  const sinceLast = closedAgo[0];
  if (sinceLast !== undefined && sinceLast < limits.gapMs) {
    throw new StillframeError(
      'window-too-soon',
      `the last window of guest ${guest.name} closed ${formatDuration(sinceLast)} ago and this host keeps ${formatDuration(limits.gapMs)} between two: try again in ${formatDuration(limits.gapMs - sinceLast)}, or change limits.gap in the host's file`,
      { guest: guest.id, sinceMs: Math.round(sinceLast), gapMs: limits.gapMs },
    );
  }
  const lastHour = closedAgo.filter((ago) => ago < hourMs).length;
  if (limits.perHour > 0 && lastHour >= limits.perHour) {
    throw new StillframeError(
      'window-too-many',
      `guest ${guest.name} had ${lastHour} windows within the last hour, the most that this host allows: try later, or change limits.perHour in the host's file`,
      { guest: guest.id, windows: lastHour, perHour: limits.perHour },
    );
  }
}
