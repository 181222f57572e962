/** Freezes that no window of Stillframe made: what a host's sweep over its guests has found. Plain JSON. */

import type { GuestId } from '../ids.ts';

/** What a host does about a freeze that nobody owes a thaw; `strayFreezes` in its file. */
export const strayPolicies = ['report', 'thaw'] as const;
export type StrayPolicy = (typeof strayPolicies)[number];

/** A guest that was found frozen although this host owes it nothing. */
export interface StrayFreeze {
  guest: GuestId;
  guestName: string;
  /** Wall clock of the sweep that found it first, ISO 8601: the freeze is older than that. */
  foundAt: string;
  /** How many sweeps in a row have found it. */
  sweeps: number;
}

/** The last sweep over all guests of a host. */
export interface SweepReport {
  /** Wall clock at its end, ISO 8601. */
  sweptAt: string;
  strays: StrayFreeze[];
  /** Guests that were not asked or did not answer: of them nothing is known. `why` is a run state or the code of an error. */
  unseen: { guestName: string; why: string }[];
}
