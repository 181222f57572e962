/** Ends what another process left open: thaw from the journal alone. The warden's act, `thaw --local`'s, and `ensureThawed`'s. */

import { isStillframeError, messageOf } from '../../model/errors.ts';
import type { ThawedBy, WindowOutcome } from '../../model/window/window.ts';
import type { Connect } from '../channel/types.ts';
import type { Intent } from '../journal/intent.ts';
import type { Journal } from '../journal/journal.ts';
import type { Log } from '../../lib/log.ts';
import { discharge } from './discharge.ts';
import { recordInterrupted } from './outcome.ts';
import { reachForThaw } from './reach.ts';

export interface SettleOptions {
  journal: Journal;
  connect: Connect;
  by: ThawedBy;
  log: Log;
  signal?: AbortSignal;
}

/**
 * Resolves when the thaw is confirmed, by us or by somebody else; gives up by `signal`, the obligation still owed. Where the outcome
 * cannot be journalled, the guest is thawed all the same, and the obligation stays for the next who settles.
 */
export async function settle(intent: Intent, { journal, connect, by, log, signal }: SettleOptions): Promise<WindowOutcome> {
  const elsewhere = new AbortController();
  const stopUnlessOwed = async () => {
    if (!(await isOwed(journal, intent))) elsewhere.abort();
    elsewhere.signal.throwIfAborted();
  };
  try {
    const discharged = await discharge({
      intent,
      connect: async () => {
        await stopUnlessOwed();
        const reached = await reachForThaw(intent, connect);
        try {
          // We may have waited behind somebody who thawed; our thaw would then hit whatever was frozen since.
          await stopUnlessOwed();
          return reached;
        } catch (error) {
          reached.channel.close();
          throw error;
        }
      },
      log,
      signal: signal ? AbortSignal.any([signal, elsewhere.signal]) : elsewhere.signal,
    });
    const outcome = recordInterrupted(intent, discharged, by);
    const about = { guest: intent.guest, epoch: intent.epoch };
    try {
      await journal.close(outcome);
    } catch (error) {
      log('error', `the outcome of a thaw cannot be journalled, so the thaw stays owed: ${messageOf(error)}`, about);
    } finally {
      discharged.closeChannel();
    }
    log('warn', `guest ${intent.guestName} is thawed`, {
      ...about,
      by: outcome.thawedBy,
      found: discharged.answer?.count ?? null,
    });
    return outcome;
  } catch (error) {
    const known = elsewhere.signal.aborted ? await journal.outcome(intent) : null;
    if (known) return known;
    throw error;
  }
}

/** A journal that was damaged since does not say that the thaw is not owed any more. */
async function isOwed(journal: Journal, { guest, epoch }: Intent): Promise<boolean> {
  try {
    return (await journal.intentOf(guest))?.epoch === epoch;
  } catch (error) {
    if (isStillframeError(error, 'journal-damaged')) return true;
    throw error;
  }
}
