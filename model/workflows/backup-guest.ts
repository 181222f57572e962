/** Contract of `backupGuest`: one backup of one guest. */

import { controlQueue, type BackupId, type GuestId, type HostId } from '../ids.ts';
import type { Grade } from '../window/grade.ts';
import type { Reason } from '../window/reasons.ts';
import type { WindowOutcome } from '../window/window.ts';
import { contract, query } from './contract.ts';

export interface BackupInput {
  backup: BackupId;
  guest: GuestId;
  guestName: string;
  host: HostId;
  repository: string;
  /** The grade below which the backup reports itself short (its point is kept all the same). */
  want: Grade;
  leaseMs?: number | undefined;
}

/** Names the copy of one backup to the host that does it. */
export interface BackupRequest {
  guest: GuestId;
  backup: BackupId;
  /** Name of a repository in the host's file. */
  repository: string;
}

export type BackupStage = 'window' | 'copy' | 'commit' | 'release' | 'done';

/** Answer to the query `progress`; bytes come from the copy's heartbeat. */
export interface BackupProgress {
  stage: BackupStage;
  window: WindowOutcome | null;
}

export interface BackupResult {
  backup: BackupId;
  grade: Grade;
  reasons: Reason[];
  /** Whether the grade is at least the wanted one. */
  satisfied: boolean;
  window: WindowOutcome;
  bytes: number;
}

/** One backup of a guest at a time. */
export const backupGuest = contract<[BackupInput], BackupResult>()({
  type: 'backupGuest',
  queue: controlQueue,
  id: ({ guest }: { guest: GuestId }) => `backup/${guest}`,
  queries: { progress: query<BackupProgress>('progress') },
});
