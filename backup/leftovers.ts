/** Points in time that an earlier worker left: adopted for their copies to go on, and ended when no copy claims them. */

import type { Driver } from '../host/drivers/driver.ts';
import type { Log } from '../lib/log.ts';
import { messageOf } from '../model/errors.ts';
import type { BackupId, GuestId } from '../model/ids.ts';

/** A copy that goes on is started again within seconds of the worker; its heartbeat time-out is the longest wait. */
const unclaimedMs = 120_000;

export interface Leftovers {
  /** A copy, a commit or a release of this backup is at work here: it is nobody's leftover. */
  claim(backup: BackupId): void;
}

export function adoptLeftovers({ driver, log }: { driver: Driver; log: Log }): Leftovers {
  const unclaimed = new Map<BackupId, GuestId>();
  const claimed = new Set<BackupId>();

  async function find(): Promise<void> {
    const usable = (await driver.inventory()).flatMap(({ id, problem }) => (problem === null && id !== null ? [id] : []));
    const guests = await Promise.all(usable.map((id) => driver.guest(id)));
    for (const { guest, backup } of await driver.pointInTime.leftovers(guests)) {
      if (claimed.has(backup)) continue;
      unclaimed.set(backup, guest);
      log('info', 'found a point in time of an earlier worker; its copy may go on', { guest, backup });
    }
    setTimeout(() => void endUnclaimed(), unclaimedMs).unref();
  }

  async function endUnclaimed(): Promise<void> {
    for (const [backup, guest] of unclaimed) {
      unclaimed.delete(backup);
      try {
        await driver.pointInTime.end(guest, backup);
        log('warn', 'ended a point in time that no copy claimed; nothing of it is left', { guest, backup });
      } catch (error) {
        log('error', messageOf(error), { guest, backup });
      }
    }
  }

  find().catch((error: unknown) => log('error', `could not look for points in time of an earlier worker: ${messageOf(error)}`));
  return {
    claim(backup) {
      claimed.add(backup);
      unclaimed.delete(backup);
    },
  };
}
