/** The manifest of a restore point: one guest at one point in time, and what that is worth. */

import type { Grade } from '../window/grade.ts';
import type { BackupId, GuestId, HostId } from '../ids.ts';
import type { Reason } from '../window/reasons.ts';
import type { WindowOutcome } from '../window/window.ts';

/** `clean`: written back or covered; `dirty`: needs recovery; `not-inspected`: we cannot read this format. */
export const filesystemResults = ['clean', 'dirty', 'not-inspected'] as const;
/** `empty`: nothing is there. */
export const diskResults = [...filesystemResults, 'empty'] as const;

/** What was observed on a captured disk, whatever the guest claimed. */
export interface DiskInspection {
  result: (typeof diskResults)[number];
  /** One row for each filesystem found, in disk order. */
  filesystems: {
    /** `whole disk` or `partition 2`. */
    where: string;
    type: string;
    result: (typeof filesystemResults)[number];
    /** What was read: `RECOVER clear, s_start 0`, `log covered, 2 records`. */
    evidence: string;
  }[];
}

/** What the copy of a disk found out about it. */
export interface DiskFinding {
  /** Lower-case hex of the whole image. */
  sha256: string;
  inspection: DiskInspection;
}

export interface PointDisk extends DiskFinding {
  name: string;
  /** File inside the point's folder. */
  file: string;
  device: string;
  bytes: number;
  /** Types found, joined by `+`; `none` when there are none. */
  filesystem: string;
}

/** How far a copy or a restore of all disks is, and which one it is at. */
export interface DiskProgress {
  doneBytes: number;
  totalBytes: number;
  disk: string;
}

export interface RestorePoint {
  format: 1;
  /** Same as the backup's id. */
  id: BackupId;
  guest: { id: GuestId; name: string };
  host: HostId;
  /** Wall clock of the point in time, ISO 8601. */
  pointInTimeAt: string;
  committedAt: string;
  grade: Grade;
  reasons: Reason[];
  window: WindowOutcome;
  disks: PointDisk[];
  /** Disks that were left out, each with its reason: `cd0 read-only`. */
  skipped: string[];
}
