/** Contract of `heldWindow`: freeze, snapshot, thaw, where the snapshot is not the host’s to take. */

import { controlQueue, type BackupId, type GuestId, type HostId } from '../ids.ts';
import type { WindowOutcome } from '../window/window.ts';
import { contract } from './contract.ts';

export interface HeldWindowInput {
  backup: BackupId;
  guest: GuestId;
  guestName: string;
  host: HostId;
  /** Name of a snapshot command in the host's file. */
  snapshot: string;
  leaseMs?: number | undefined;
}

/** One held window of a guest at a time. */
export const heldWindow = contract<[HeldWindowInput], WindowOutcome>()({
  type: 'heldWindow',
  queue: controlQueue,
  id: ({ guest }: { guest: GuestId }) => `window/${guest}`,
});
