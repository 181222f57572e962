/** Writing the outcome of a window that is over: a disk that refuses it must cost neither the caller nor the next window. */

import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../model/errors.ts';
import type { WindowOutcome } from '../../model/window/window.ts';
import type { Journal } from '../journal/journal.ts';
import type { Log } from '../../lib/log.ts';

/**
 * Resolves when the outcome is on the disk, or after `patienceMs`: the guest is thawed, and only the record is missing. The writing is
 * then continued for as long as this process lives. Until it succeeds the thaw stays owed, so there is no new freeze; whoever settles
 * it meanwhile thaws a thawed guest.
 */
export async function journalOutcome(journal: Journal, outcome: WindowOutcome, log: Log): Promise<void> {
  const patience = new AbortController();
  const written = writeForever(journal, outcome, log).finally(() => patience.abort());
  await Promise.race([written, delay(patienceMs, undefined, { signal: patience.signal }).catch(() => {})]);
}

async function writeForever(journal: Journal, outcome: WindowOutcome, log: Log): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await journal.close(outcome);
    } catch (error) {
      // At 1, 2, 4, 8 …: a disk that stays full for a day must not fill its log as well.
      if ((tries & (tries - 1)) === 0)
        log('error', `the outcome of a window cannot be journalled (try ${tries}), trying again: ${messageOf(error)}`, {
          guest: outcome.guest,
          epoch: outcome.epoch,
        });
      await delay(Math.min(tries * firstPauseMs, longestPauseMs), undefined, { ref: false });
    }
  }
}

/** Below what callers wait for beyond the lease (8 s): they get the outcome, and no "unconfirmed". */
const patienceMs = 5_000;
/** Room on a disk comes back in seconds at best. */
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
