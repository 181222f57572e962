/** What is known of the changes of a disk since an earlier restore point: by a dirty bitmap in its QEMU, or why nothing is. */

import type { BackupId } from '../ids.ts';

/**
 * Why all of a disk must be read.
 * - `no-interval`: no backup of this guest into this repository has been committed by this host with an interval.
 * - `interval-lost`: the bitmap is gone or does not record, as after a restart of QEMU of a bitmap that was in its memory only.
 * - `inconsistent`: QEMU ended without having stored the bitmap.
 * - `resized`, `disk-new`, `disk-swapped`: the disk is not what it was at that point.
 * - `foreign-bitmap`: another program has changed the bitmap, uses it, or has put its own in that place.
 * - `granularity`: its bits stand for another number of bytes than they did when it was made.
 */
export const fullReasons = [
  'no-interval',
  'interval-lost',
  'inconsistent',
  'resized',
  'disk-new',
  'disk-swapped',
  'foreign-bitmap',
  'granularity',
] as const;
export type FullReason = (typeof fullReasons)[number];

/** `bitmap` has every change of the disk from the committed point `since` to the point in time. */
export type Interval = { bitmap: string; since: BackupId } | { full: FullReason };
