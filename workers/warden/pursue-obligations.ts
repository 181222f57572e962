/** Thawing what no living process will thaw: each obligation is pursued until it is discharged, however long the guest takes. */

import { connectAgent } from '../../host/channel/agent-channel.ts';
import type { Intent } from '../../host/journal/intent.ts';
import type { DamagedIntent, Journal } from '../../host/journal/journal.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { Log } from '../../lib/log.ts';
import { killProcess } from '../../lib/process.ts';
import { settle } from '../../host/window/settle.ts';
import type { GuestId } from '../../model/ids.ts';
import type { PursuedObligation, ThawedBy, WindowOutcome } from '../../model/window/window.ts';

export interface Obligations {
  /**
   * Pursues every open intent that `which` names, and waits for the outcomes at most `limitMs`. The process that holds such a guest's
   * channel is ended first, when it is proven to be the one that wrote the intent. Where the journal cannot be read, nothing is sent.
   */
  pursue(which: (intent: Intent) => boolean, by: ThawedBy, limitMs: number): Promise<PursuedObligation[]>;
  /** Gives up; what is owed stays in the journal. */
  stop(): void;
}

export function createObligations(journal: Journal, log: Log): Obligations {
  const stopped = new AbortController();
  const pursued = new Map<GuestId, Promise<WindowOutcome>>();

  const start = (intent: Intent, by: ThawedBy): Promise<WindowOutcome> => {
    endHolder(intent);
    const running = settle(intent, { journal, connect: connectAgent, by, log, signal: stopped.signal });
    pursued.set(intent.guest, running);
    return running.finally(() => pursued.delete(intent.guest));
  };

  /** It is stopped or hangs, and QEMU serves nobody else while it has the channel. SIGKILL ends a stopped process too (signal(7)). */
  function endHolder({ guest, guestName, epoch, holder }: Intent): void {
    if (holder && killProcess(holder))
      log('error', `process ${holder.pid} held guest ${guestName} and no warden watched it: ended it, then thawing`, {
        guest,
        epoch,
      });
  }

  return {
    async pursue(which, by, limitMs) {
      const { intents, damaged } = await journal.openIntents();
      const outcomes = intents.filter(which).map(async (intent) => {
        const { guest, guestName, epoch } = intent;
        const outcome = await within(limitMs, pursued.get(guest) ?? start(intent, by));
        return { guest, guestName, epoch, outcome };
      });
      return [...(await Promise.all(outcomes)), ...damaged.map(unknownObligation)];
    },
    stop: () => stopped.abort(),
  };
}

function unknownObligation({ guest, paths }: DamagedIntent): PursuedObligation {
  return { guest, guestName: guest, epoch: null, outcome: null, damaged: paths };
}

/** Null when the promise has not resolved in time; its failure (we stopped) counts as that too. */
function within<T>(limitMs: number, promise: Promise<T>): Promise<T | null> {
  return withDeadline(promise, limitMs, () => new Error('late')).catch(() => null);
}
