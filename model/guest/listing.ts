/** A guest as its host announces it. */

import type { GuestId } from '../ids.ts';

/** Names are labels; `id` is the key. */
export interface GuestListing {
  /** Null while it is unknown: QEMU reports it, and this QEMU has not answered since the host worker started. */
  id: GuestId | null;
  name: string;
  /** QEMU's run state: `running`, `paused`, …, or `unreachable`. */
  state: string;
  disks: { device: string; bytes: number }[];
  /** What this guest carries that we need while it is frozen; never frozen when not empty. */
  carries: string[];
  /** Why this guest cannot be used (`uuid-zero`, `monitor-held`, …); null when it can. */
  problem: string | null;
  /** Since which sweep of its host it is known to be frozen by no window of ours; absent when it is not. */
  strayFoundAt?: string;
}
