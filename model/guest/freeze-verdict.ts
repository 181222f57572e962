/** What a guest's own word and its host's journal say together about its freeze. */

import type { GuestStatus } from '../workflows/guest-command.ts';

/**
 * `window`: Stillframe has a window open on it. `overdue`: the lease of that window is over. `leased`: frozen by another client, under a
 * lease of the guest's agent, which ends it. `stray`: frozen, and nobody owes the thaw. `unknown`: the guest did not say.
 */
export type FreezeVerdict = 'thawed' | 'window' | 'overdue' | 'leased' | 'stray' | 'unknown';

export function freezeVerdict({ agent, lease, window, strayFoundAt }: GuestStatus): FreezeVerdict {
  // An earlier version did not say how much of the lease is left.
  if (window) return (window.remainingMs ?? 0) < 0 ? 'overdue' : 'window';
  if (agent === null) return strayFoundAt === undefined ? 'unknown' : 'stray';
  if (agent === 'thawed') return 'thawed';
  return (lease?.remainingMs ?? null) === null ? 'stray' : 'leased';
}
