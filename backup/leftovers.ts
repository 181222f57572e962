/** Points in time that an earlier worker left: kept for a while so that their copies can continue, then ended unless a copy claims them. */

import type { Driver, Leftover, PointName } from '../host/drivers/driver.ts';
import type { Log } from '../lib/log.ts';
import { messageOf } from '../model/errors.ts';
import type { BackupId } from '../model/ids.ts';

/** A copy that continues is started again within seconds of the worker; its heartbeat time-out is the longest wait. */
const unclaimedMs = 120_000;

export interface Leftovers {
  /** A copy, a commit or a release of this backup is at work here: it is not a leftover. */
  claim(backup: BackupId): void;
}

/** Looks for points in time now, and ends those that no copy has claimed when an earlier worker's copies would have gone on. */
export function endUnclaimedPoints({ driver, log }: { driver: Driver; log: Log }): Leftovers {
  const claimed = new Set<BackupId>();
  const isClaimed = (point: PointName) => 'backup' in point && claimed.has(point.backup);

  async function find(): Promise<Leftover[]> {
    const usable = (await driver.inventory()).flatMap(({ id, problem }) => (problem === null && id !== null ? [id] : []));
    const guests = await Promise.all(usable.map((id) => driver.guest(id)));
    const found = (await driver.pointInTime.leftovers(guests)).filter((each) => !isClaimed(each));
    for (const each of found) log('info', 'found a point in time of an earlier worker; its copy may continue', { ...each });
    return found;
  }

  async function endUnclaimed(found: readonly Leftover[]): Promise<void> {
    for (const { guest, ...point } of found) {
      // Asked for each one when its turn has come: ending the one before takes a while.
      if (isClaimed(point)) continue;
      try {
        await driver.pointInTime.end(guest, point);
        log('warn', 'ended a point in time that no copy claimed; nothing of it is left', { guest, ...point });
      } catch (error) {
        log('error', messageOf(error), { guest, ...point });
      }
    }
  }

  find().then(
    (found) => setTimeout(() => void endUnclaimed(found), unclaimedMs).unref(),
    (error: unknown) => log('error', `could not look for points in time of an earlier worker: ${messageOf(error)}`),
  );
  return { claim: (backup) => void claimed.add(backup) };
}
