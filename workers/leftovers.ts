/** Points in time that an earlier worker left: adopted for their copies to go on, and ended when no copy claims them. */

import type { Driver, Guest } from '../host/drivers/driver.ts';
import type { Log } from '../host/log.ts';
import { messageOf } from '../model/errors.ts';
import type { BackupId } from '../model/ids.ts';

/** A copy that goes on is started again within seconds of the worker; its heartbeat time-out is the longest wait. */
const unclaimedMs = 120_000;

export interface Leftovers {
  /** A copy, a commit or a release of this backup is at work here: it is nobody's leftover. */
  claim(backup: BackupId): void;
}

export function adoptLeftovers({ driver, log }: { driver: Driver; log: Log }): Leftovers {
  const unclaimed = new Map<BackupId, Guest>();
  const claimed = new Set<BackupId>();

  async function find(): Promise<void> {
    for (const { id, problem } of await driver.inventory()) {
      if (problem !== null) continue;
      const guest = await driver.guest(id);
      for (const backup of await driver.pointInTime.leftovers(guest)) {
        if (claimed.has(backup)) continue;
        unclaimed.set(backup, guest);
        log('info', 'found a point in time of an earlier worker; its copy may go on', { guest: guest.name, backup });
      }
    }
    setTimeout(() => void endUnclaimed(), unclaimedMs).unref();
  }

  async function endUnclaimed(): Promise<void> {
    for (const [backup, guest] of unclaimed) {
      unclaimed.delete(backup);
      await driver.pointInTime.end(guest.id, backup);
      log('warn', 'ended a point in time that no copy claimed; nothing of it is left in QEMU', { guest: guest.name, backup });
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
