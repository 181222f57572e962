/**
 * Two dirty bitmaps for each disk of a guest and each repository, so that no failed backup loses what has changed: one has the changes since the last
 * committed point, and from a point in time on the next one records, until the new point is committed or the first gets its changes back.
 */

import { createHash, randomBytes } from 'node:crypto';
import type { Log } from '../../../lib/log.ts';
import { isStillframeError, messageOf } from '../../../model/errors.ts';
import { objectPrefix, type BackupId, type GuestId } from '../../../model/ids.ts';
import type { FullReason, Interval } from '../../../model/point/interval.ts';
import type { JsonObject } from '../../../protocol/json.ts';
import type { Monitor } from '../../channel/types.ts';
import {
  addBitmap,
  beginning,
  ending,
  mergeBitmap,
  queryBitmaps,
  removeBitmap,
  sentinelBitmap,
  type NodeBitmaps,
} from './bitmaps.ts';
import { advance, begun, giveBack, judge, type IntervalDisk } from './interval-rules.ts';
import { openIntervalStates, type IntervalState, type PendingInterval } from './interval-state.ts';

export interface PreparedIntervals {
  /** One for each disk, in their order. */
  intervals: Interval[];
  /** What the transaction of the point in time has to hold, beside the jobs. */
  actions: JsonObject[];
}

export interface Intervals {
  /** Before a freeze. Gives back what an earlier backup has left, and names the next bitmaps. */
  prepare(
    monitor: Monitor,
    of: { guest: GuestId; repository: string; backup: BackupId },
    disks: readonly IntervalDisk[],
  ): Promise<PreparedIntervals>;
  /** `monitor` undefined: QEMU cannot be asked now, and the next `prepare` gives back. @throws monitor-* : likewise */
  settle(monitor: Monitor | undefined, guest: GuestId, backup: BackupId, committed: boolean): Promise<void>;
}

export function createIntervals({ stateDir, log }: { stateDir: string; log: Log }): Intervals {
  const states = openIntervalStates(stateDir);
  const turns = new Map<GuestId, Promise<unknown>>();

  /** One at a time for each guest: both read the state and write it. */
  function inTurn<T>(guest: GuestId, work: () => Promise<T>): Promise<T> {
    const done = (turns.get(guest) ?? Promise.resolve()).then(work);
    turns.set(
      guest,
      done.catch(() => {}),
    );
    return done;
  }

  async function returnChanges(
    monitor: Monitor,
    guest: GuestId,
    repository: string,
    state: IntervalState,
  ): Promise<IntervalState> {
    const given = giveBack(state, await queryBitmaps(monitor));
    for (const { node, from, into } of given.merges) await mergeBitmap(monitor, node, from, into);
    // Only now: until here the state names both bitmaps, and merging them again changes nothing.
    if (given.state !== state) await states.write(guest, repository, given.state);
    return given.state;
  }

  /** What is still in use stays until the next time. */
  async function removeStale(monitor: Monitor, guest: GuestId, repository: string, state: IntervalState): Promise<IntervalState> {
    if (state.stale.length === 0) return state;
    const stale = new Set(state.stale);
    for (const bitmap of (await queryBitmaps(monitor)).bitmaps.filter(({ name }) => stale.has(name))) {
      try {
        await removeBitmap(monitor, bitmap);
        stale.delete(bitmap.name);
      } catch (error) {
        if (!isStillframeError(error, 'monitor-refused')) throw error;
      }
    }
    if (stale.size === state.stale.length) return state;
    const cleared = { ...state, stale: [...stale] };
    await states.write(guest, repository, cleared);
    return cleared;
  }

  /**
   * Makes the next bitmap for a moment, before the freeze: QEMU may refuse it, and it shows whether the one before has its last bit still. A disk that
   * is cut shorter takes the bits of its end out of all bitmaps, and growing back sets none (seen in QEMU 7.2): each gets that bit from the start. It shows another bitmap of the
   * same name, too.
   */
  async function whyNot(monitor: Monitor, disk: IntervalDisk, next: PendingInterval): Promise<FullReason | null> {
    const bitmap = { node: disk.node, name: next.bitmap, persistent: next.persistent };
    try {
      await addBitmap(monitor, bitmap);
    } catch (error) {
      if (!isStillframeError(error, 'monitor-refused')) throw error;
      log('warn', `the changes of ${next.name} are not recorded, so each backup reads all of it: ${messageOf(error)}`);
      return 'interval-lost';
    }
    try {
      if (next.follows === null) return null;
      await mergeBitmap(monitor, disk.node, next.follows, next.bitmap);
      const before = await countOf(monitor, bitmap);
      await mergeBitmap(monitor, disk.node, { node: disk.sentinel, name: sentinelBitmap }, next.bitmap);
      return (await countOf(monitor, bitmap)) === before ? null : 'resized';
    } finally {
      await removeBitmap(monitor, bitmap);
    }
  }

  return {
    prepare: (monitor, { guest, repository, backup }, disks) =>
      inTurn(guest, async () => {
        let state = await states.read(guest, repository);
        if (state !== undefined && state !== 'damaged') {
          state = await returnChanges(monitor, guest, repository, state);
          state = await removeStale(monitor, guest, repository, state);
        }
        const found = await queryBitmaps(monitor);
        const intervals = disks.map((disk) => judge(state, disk, found));
        const stem = `${objectPrefix}${tag(guest, repository)}`;
        const planned = disks.map((disk, index) => plan(disk, intervals[index]!, stem, found));
        const next = begun(state, { backup, disks: planned }, found);
        // Before a bitmap of these names is tried: one that is left is known.
        await states.write(guest, repository, next);
        const pending: PendingInterval[] = [];
        const actions: JsonObject[] = [];
        for (const [index, disk] of disks.entries()) {
          const full = await whyNot(monitor, disk, planned[index]!);
          const interval = full === null ? planned[index]! : { ...planned[index]!, follows: null };
          if (full !== null) intervals[index] = { full };
          if (full === 'interval-lost') continue;
          pending.push(interval);
          actions.push(...rotation(disk, interval));
        }
        await states.write(guest, repository, { ...next, pending: { backup, disks: pending } });
        return { intervals, actions };
      }),

    settle: (monitor, guest, backup, committed) =>
      inTurn(guest, async () => {
        if (monitor === undefined) return;
        for (const repository of await states.repositoriesOf(guest)) {
          let state = await states.read(guest, repository);
          if (state === undefined || state === 'damaged') continue;
          if (state.pending?.backup === backup) {
            if (committed) {
              await mark(monitor, state.pending.disks);
              state = advance(state);
              await states.write(guest, repository, state);
            } else state = await returnChanges(monitor, guest, repository, state);
          }
          await removeStale(monitor, guest, repository, state);
        }
      }),
  };
}

/** After the thaw, since it takes time; nobody can cut the disk shorter while the point in time is there. @throws monitor-refused when it is not */
async function mark(monitor: Monitor, disks: readonly PendingInterval[]): Promise<void> {
  const { bitmaps } = await queryBitmaps(monitor);
  for (const { bitmap, sentinel } of disks) {
    const node = bitmaps.find(({ name }) => name === bitmap)?.node;
    if (node !== undefined) await mergeBitmap(monitor, node, { node: sentinel, name: sentinelBitmap }, bitmap);
  }
}

async function countOf(monitor: Monitor, bitmap: { node: string; name: string }): Promise<number | undefined> {
  const { bitmaps } = await queryBitmaps(monitor);
  return bitmaps.find(({ node, name }) => node === bitmap.node && name === bitmap.name)?.count;
}

/** An operator sees by it which bitmaps belong together. */
function tag(guest: GuestId, repository: string): string {
  return createHash('sha256').update(`${guest}\n${repository}`).digest('hex').slice(0, 8);
}

/**
 * Each interval has a name that no bitmap had before: an image that was put back from a copy, or a state of the host that was, leads to a bitmap
 * that is not there, and so to a full read.
 */
function plan(
  { name, node, bytes, sentinel }: IntervalDisk,
  interval: Interval,
  stem: string,
  found: NodeBitmaps,
): PendingInterval {
  let bitmap: string;
  do bitmap = `${stem}.${randomBytes(4).toString('hex')}`;
  while (found.bitmaps.some((each) => each.name === bitmap));
  const { file, keepsBitmaps } = found.nodes.get(node) ?? { file: '', keepsBitmaps: false };
  const follows = 'bitmap' in interval ? interval.bitmap : null;
  return { name, bytes, file, bitmap, persistent: keepsBitmaps, count: 0, follows, sentinel };
}

function rotation({ node }: IntervalDisk, { bitmap, persistent, follows }: PendingInterval): JsonObject[] {
  return [beginning({ node, name: bitmap, persistent }), ...(follows === null ? [] : [ending(node, follows)])];
}
