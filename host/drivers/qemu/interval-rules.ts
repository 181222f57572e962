/** What bitmaps say about an interval, and what becomes of a state; pure. */

import type { FullReason, Interval } from '../../../model/point/interval.ts';
import { granularity, type Bitmap, type NodeBitmaps } from './bitmaps.ts';
import { noIntervals, type DiskInterval, type IntervalState } from './interval-state.ts';

/** A disk of the point in time that is being prepared. */
export interface IntervalDisk {
  name: string;
  node: string;
  bytes: number;
  /** Node of an image of the same size, whose bitmap `sentinelBitmap` has the last bit set. */
  sentinel: string;
}

/** What is known of the changes of this disk, before its next interval begins. */
export function judge(state: IntervalState | 'damaged' | undefined, disk: IntervalDisk, found: NodeBitmaps): Interval {
  if (state === 'damaged') return { full: 'interval-lost' };
  if (state === undefined || state.since === null) return { full: 'no-interval' };
  const known = state.disks.find(({ name }) => name === disk.name);
  if (!known) return { full: 'disk-new' };
  const full = whyFull(known, disk, found);
  return full === null ? { bitmap: known.bitmap, since: state.since } : { full };
}

function whyFull(known: DiskInterval, disk: IntervalDisk, { nodes, bitmaps }: NodeBitmaps): FullReason | null {
  const same = bitmaps.filter(({ name }) => name === known.bitmap);
  const bitmap = same.find(({ node }) => node === disk.node);
  if (!bitmap) return same.length > 0 || nodes.get(disk.node)?.file !== known.file ? 'disk-swapped' : 'interval-lost';
  if (bitmap.inconsistent) return 'inconsistent';
  if (bitmap.granularity !== granularity) return 'granularity';
  if (bitmap.busy || bitmap.persistent !== known.persistent || bitmap.count < known.count) return 'foreign-bitmap';
  if (!bitmap.recording) return 'interval-lost';
  return known.bytes === disk.bytes ? null : 'resized';
}

/** The point of the pending backup is committed: its bitmaps have the changes since, and the earlier ones go. */
export function advance(state: IntervalState): IntervalState {
  if (!state.pending) return state;
  const stale = [...state.stale, ...state.disks.map(({ bitmap }) => bitmap)];
  const disks = state.pending.disks.map(({ name, bytes, file, bitmap, persistent, count }): DiskInterval => ({
    name,
    bytes,
    file,
    bitmap,
    persistent,
    count,
  }));
  return { since: state.pending.backup, disks, pending: null, stale };
}

/** A bitmap whose changes another one must get, before the state that `giveBack` returns is true. */
export interface Merge {
  node: string;
  from: string;
  into: string;
}

/**
 * The pending backup has no point. Where its point in time was taken, the later bitmap records and the earlier one stands still: the
 * later one gets all that the earlier one has, and stands for both. Everywhere else the earlier one is left as it is, for `judge`.
 */
export function giveBack(state: IntervalState, { bitmaps }: NodeBitmaps): { state: IntervalState; merges: Merge[] } {
  const { pending } = state;
  if (!pending) return { state, merges: [] };
  const merges: Merge[] = [];
  const stale = [...state.stale];
  const disks = state.disks.map((earlier) => {
    const later = pending.disks.find(({ follows }) => follows === earlier.bitmap);
    const node = later && nodeOfTurned(bitmaps, earlier.bitmap, later.bitmap);
    if (node === undefined) return earlier;
    merges.push({ node, from: earlier.bitmap, into: later!.bitmap });
    stale.push(earlier.bitmap);
    return { ...earlier, bitmap: later!.bitmap, persistent: later!.persistent };
  });
  const kept = new Set(disks.map(({ bitmap }) => bitmap));
  const isThere = (bitmap: string | null) => bitmaps.some(({ name }) => name === bitmap);
  // A transaction that did not happen made none; a disk that is away may have one.
  const mayExist = pending.disks.filter(({ bitmap, follows }) => isThere(bitmap) || !isThere(follows));
  stale.push(...mayExist.map(({ bitmap }) => bitmap).filter((bitmap) => !kept.has(bitmap)));
  return { state: { ...state, disks, pending: null, stale }, merges };
}

/** The node on which a transaction has ended the one and begun the other; undefined when there is none, or either is damaged. */
function nodeOfTurned(bitmaps: readonly Bitmap[], earlier: string, later: string): string | undefined {
  const ended = bitmaps.find(({ name, recording, inconsistent }) => name === earlier && !recording && !inconsistent);
  const begun = bitmaps.find(({ name, node, recording }) => name === later && node === ended?.node && recording);
  return begun && ended?.granularity === granularity && begun.granularity === granularity ? begun.node : undefined;
}

/** The state that is written before the bitmaps of a backup are made. */
export function begun(
  state: IntervalState | 'damaged' | undefined,
  pending: NonNullable<IntervalState['pending']>,
  found: NodeBitmaps,
): IntervalState {
  const before = state === 'damaged' || state === undefined ? noIntervals : state;
  const countOf = (known: DiskInterval) =>
    Math.max(known.count, ...found.bitmaps.filter(({ name }) => name === known.bitmap).map(({ count }) => count));
  return { ...before, disks: before.disks.map((known) => ({ ...known, count: countOf(known) })), pending };
}
