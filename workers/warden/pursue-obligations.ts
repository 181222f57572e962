/** Thawing what no living process will thaw: each obligation is pursued until it is discharged, however long the guest takes. */

import { connectAgent } from '../../host/channel/agent-channel.ts';
import type { Intent } from '../../host/journal/intent.ts';
import type { Journal } from '../../host/journal/journal.ts';
import type { Log } from '../../lib/log.ts';
import { settle } from '../../host/window/settle.ts';
import type { GuestId } from '../../model/ids.ts';
import type { PursuedObligation, ThawedBy, WindowOutcome } from '../../model/window/window.ts';

export interface Obligations {
  /** Pursues every open intent that `which` names, and waits for the outcomes at most `limitMs`. */
  pursue(which: (intent: Intent) => boolean, by: ThawedBy, limitMs: number): Promise<PursuedObligation[]>;
  /** Gives up; what is owed stays in the journal. */
  stop(): void;
}

export function createObligations(journal: Journal, log: Log): Obligations {
  const stopped = new AbortController();
  const pursued = new Map<GuestId, Promise<WindowOutcome>>();

  const start = (intent: Intent, by: ThawedBy): Promise<WindowOutcome> => {
    const running = settle(intent, { journal, connect: connectAgent, by, log, signal: stopped.signal });
    pursued.set(intent.guest, running);
    return running.finally(() => pursued.delete(intent.guest));
  };

  return {
    async pursue(which, by, limitMs) {
      const { intents } = await journal.openIntents();
      return Promise.all(
        intents.filter(which).map(async (intent) => {
          const { guest, guestName, epoch } = intent;
          const outcome = await within(limitMs, pursued.get(guest) ?? start(intent, by));
          return { guest, guestName, epoch, outcome };
        }),
      );
    },
    stop: () => stopped.abort(),
  };
}

/** Null when the promise has not resolved in time; its failure (we stopped) counts as that too. */
async function within<T>(limitMs: number, promise: Promise<T>): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), limitMs);
  try {
    return await Promise.race([promise.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
