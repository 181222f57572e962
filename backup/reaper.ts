/**
 * Ends what backups left that no longer run: objects in QEMU, scratch, records, and sessions in repositories. It looks for as long as the
 * worker lives, and never touches what a running backup owns, nor anything while it cannot know whether the backup runs.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Driver, PointName } from '../host/drivers/driver.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Log } from '../lib/log.ts';
import { isStillframeError, messageOf } from '../model/errors.ts';
import { objectStem, type BackupId, type GuestId } from '../model/ids.ts';
import type { Sessions } from './sessions.ts';

export interface Reaper {
  /** This process is at work on a backup until the claim is disposed of. Waits while something of the same backup is being ended. */
  claim(backup: BackupId): Promise<Disposable>;
  /** Before a point in time is prepared: ends what earlier backups of this guest left, after the work that still claims it. */
  clear(guest: GuestId, backup: BackupId): Promise<void>;
  /** Ends now whatever has no owner. Never rejects. */
  sweep(): Promise<void>;
  /** Sweeps again and again until `signal`, and sees to it that no point in time runs out of scratch unwatched. */
  run(signal: AbortSignal): Promise<void>;
}

export interface ReaperParts {
  driver: Driver;
  sessions: Sessions;
  /** The backup of a guest that runs now, by its workflow; null when none does. @throws when that cannot be known now */
  running: (guest: GuestId) => Promise<BackupId | null>;
  log: Log;
}

/** Leftovers are gone within a minute: a copy whose workflow was terminated learns of that within its heartbeat time-out of 10 s. */
const sweepMs = 30_000;

/** A copy whose workflow was terminated ends with its next heartbeats; the activity that waits for it has a minute. */
const clearMs = 20_000;

/** What one backup left, by the stem of its objects' names, which exists without a record too. */
interface Remains {
  guest: GuestId;
  stem: string;
  point?: PointName;
  session?: BackupId;
}

export function createReaper({ driver, sessions, running, log }: ReaperParts): Reaper {
  const claims = new Map<string, { count: number; free: PromiseWithResolvers<void> }>();
  const ending = new Map<string, Promise<void>>();
  let reported: ReadonlySet<string> = new Set();

  async function claim(backup: BackupId): Promise<Disposable> {
    const stem = objectStem(backup);
    while (ending.has(stem)) await ending.get(stem);
    const held = claims.get(stem) ?? { count: 0, free: Promise.withResolvers<void>() };
    claims.set(stem, held);
    held.count++;
    return {
      [Symbol.dispose]() {
        if (--held.count > 0) return;
        claims.delete(stem);
        held.free.resolve();
      },
    };
  }

  /** Of one guest, or of all. */
  async function find(only?: GuestId): Promise<Remains[]> {
    const listed = await driver.inventory();
    const usable = listed.flatMap(({ id, problem }) => (problem === null && id !== null && (only ?? id) === id ? [id] : []));
    const guests = await Promise.all(usable.map((id) => driver.guest(id).catch(() => null)));
    const remains = new Map<string, Remains>();
    const add = (guest: GuestId, stem: string, more: Partial<Remains>) => {
      if (only === undefined || guest === only) remains.set(stem, { ...remains.get(stem), guest, stem, ...more });
    };
    for (const { guest, ...point } of await driver.pointInTime.leftovers(guests.filter((each) => each !== null)))
      add(guest, 'stem' in point ? point.stem : objectStem(point.backup), { point });
    for (const { backup, guest } of await sessions.all()) add(guest, objectStem(backup), { session: backup });
    return [...remains.values()];
  }

  async function sweep(): Promise<void> {
    const problems = new Set<string>();
    const note = (problem: string) => {
      problems.add(problem);
      // Once for as long as it lasts: a server or a repository that is away for a night is one event.
      if (!reported.has(problem)) log('warn', problem);
    };
    try {
      for (const each of await find()) {
        if (claims.has(each.stem)) continue;
        const owner = await running(each.guest).catch((error: unknown) => {
          note(`whether a backup of guest ${each.guest} still runs is not known, so what it left stays: ${messageOf(error)}`);
          return undefined;
        });
        if (owner === undefined || (owner !== null && objectStem(owner) === each.stem)) continue;
        await end(each).catch((error: unknown) => note(messageOf(error)));
      }
    } catch (error) {
      note(`what earlier backups left cannot be looked up: ${messageOf(error)}`);
    }
    reported = problems;
  }

  /** The check and the mark stand in one turn of the event loop: no claim falls between them. */
  async function end(remains: Remains): Promise<void> {
    const { stem, guest, point, session } = remains;
    if (claims.has(stem) || ending.has(stem)) return;
    const done = Promise.withResolvers<void>();
    ending.set(stem, done.promise);
    try {
      if (session !== undefined) await sessions.abandon(session);
      if (point) await driver.pointInTime.end(guest, point);
      log('warn', 'ended what a backup had left that does not run any more', { guest, stem });
    } finally {
      ending.delete(stem);
      done.resolve();
    }
  }

  return {
    claim,
    sweep,

    async clear(guest, backup) {
      const own = objectStem(backup);
      for (const each of (await find(guest)).filter(({ stem }) => stem !== own)) {
        // Its workflow was terminated: another backup of this guest could not have begun otherwise.
        const owner = await running(guest).catch(() => null);
        if (owner !== null && objectStem(owner) === each.stem) continue;
        const free = claims.get(each.stem)?.free.promise ?? ending.get(each.stem);
        if (free) await withDeadline(free, clearMs, () => new Error('late')).catch(() => {});
        await end(each).catch((error: unknown) => {
          // The repository of an earlier backup does not stand in the way of this one.
          if (!isStillframeError(error, 'repository-missing', 'repository-changed', 'repository-unknown')) throw error;
        });
      }
    },

    async run(signal) {
      while (await delay(sweepMs, true, { signal }).catch(() => false)) {
        await driver.pointInTime.guard();
        await sweep();
      }
    },
  };
}
