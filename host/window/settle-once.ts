/** Thaws what an earlier process left open, once for all who ask at the same time, and no longer than a caller can wait. */

import type { GuestId } from '../../model/ids.ts';
import type { ThawedBy, WindowOutcome } from '../../model/window/window.ts';
import type { Intent } from '../journal/intent.ts';
import { unconfirmed } from './refusals.ts';
import { settle, type SettleOptions } from './settle.ts';
import { confirmMs } from './wait-for-outcome.ts';

/** @throws thaw-unconfirmed */
export type SettleOnce = (intent: Intent, by: ThawedBy) => Promise<WindowOutcome>;

/** Workflow and guardian may ask at once, and the channel has room for one. */
export function createSettleOnce(parts: Pick<SettleOptions, 'journal' | 'connect' | 'log'>): SettleOnce {
  const settling = new Map<GuestId, Promise<WindowOutcome>>();
  return async (intent, by) => {
    const signal = AbortSignal.timeout(confirmMs);
    const running = settling.get(intent.guest) ?? settle(intent, { ...parts, by, signal });
    settling.set(intent.guest, running);
    try {
      return await running;
    } catch (error) {
      throw signal.aborted ? unconfirmed(intent) : error;
    } finally {
      settling.delete(intent.guest);
    }
  };
}
