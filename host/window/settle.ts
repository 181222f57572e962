/** Ends what another process left open: thaw from the journal alone. The warden's act, `thaw --local`'s, and `ensureThawed`'s. */

import type { ThawedBy, WindowOutcome } from '../../model/window.ts';
import type { AgentChannel } from '../channel/types.ts';
import type { Intent, Journal } from '../journal/journal.ts';
import type { Log } from '../log.ts';
import { discharge } from './discharge.ts';
import { recordInterrupted } from './outcome.ts';

/** Resolves when the thaw is confirmed and journalled; gives up by `signal`, with the obligation still in the journal. */
export async function settle(
  intent: Intent,
  options: { journal: Journal; connect: (path: string) => Promise<AgentChannel>; by: ThawedBy; log: Log; signal?: AbortSignal },
): Promise<WindowOutcome> {
  const { journal, connect, by, log, signal } = options;
  const discharged = await discharge({ connect: () => connect(intent.channel), log, ...(signal ? { signal } : {}) });
  const outcome = recordInterrupted(intent, discharged, by);
  await journal.close(outcome);
  log('info', `guest ${intent.guestName} is thawed`, {
    guest: intent.guest,
    epoch: intent.epoch,
    by,
    thawed: discharged.thawedCount,
  });
  return outcome;
}
