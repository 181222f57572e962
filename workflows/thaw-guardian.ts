/** The guardian of one guest's held windows: demands the thaw of a window that is not disarmed in time, for ever, and pages. */

import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  log,
  patched,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { createGuardianActivities } from '../activities/guardian.ts';
import type { createWindowActivities } from '../activities/window.ts';
import { guardianQueue, hostQueues } from '../model/ids.ts';
import { createWatches, type GuardianArm, type GuardianReport, type GuardianState } from '../model/window/watches.ts';
import { freezeStartMs, guardianThaw } from '../model/workflows/activities.ts';
import { thawGuardian as contract } from '../model/workflows/thaw-guardian.ts';
import { readMessage } from '../model/workflows/messages.ts';
import { optionsOf } from './activities.ts';
import { checkedMessage } from './failures.ts';
import { queryOf, signalOf, updateOf } from './messages.ts';
import { thawElsewhere } from './moved.ts';
import { thawWhereItIs } from './versions.ts';

/** A guest is usually frozen once a night; a guardian that stays a minute serves its retries too. */
const idleMs = 60_000;
/** Far below the 2,000 events that a history may have, with the events of one rescue to spare. */
const eventsBeforeNew = 1_000;

const nothingWatched: GuardianState = { watches: [], reports: [] };

const { page } = proxyActivities<ReturnType<typeof createGuardianActivities>>({
  taskQueue: guardianQueue,
  ...optionsOf('page'),
});

export async function thawGuardian(state: GuardianState = nothingWatched): Promise<GuardianReport[]> {
  // Whoever may start workflows may start this one with anything.
  const watches = createWatches(readMessage('guardianState', state) === undefined ? nothingWatched : state, freezeStartMs);
  setHandler(updateOf(contract.updates.arm), (arm) => watches.arm(arm, Date.now()), {
    validator: (given) => void checkedMessage('arm', given, contract),
  });
  setHandler(signalOf(contract.signals.disarm), (given) => {
    // A signal cannot be refused, and an error would stop this workflow for good.
    const arm = readMessage('disarm', given);
    if (arm) watches.disarm(arm);
    else log.warn('a signal to disarm that names no window was dropped');
  });
  setHandler(queryOf(contract.queries.armed), watches.armed);
  setHandler(queryOf(contract.queries.reports), watches.reports);

  /** One round of bounded tries. The rounds are the main loop's, so that between any two a new run can take over. */
  async function rescue(arm: GuardianArm): Promise<void> {
    const { ensureThawed } = proxyActivities<ReturnType<typeof createWindowActivities>>({
      taskQueue: hostQueues(arm.host).urgent,
      ...guardianThaw,
    });
    try {
      watches.confirm(arm, await ensureThawed({ guest: arm.guest, by: 'guardian' }));
    } catch {
      await page({ arm, tries: watches.countTries(arm, guardianThaw.retry.maximumAttempts) });
      if (patched(thawWhereItIs)) await thawElsewhere(arm);
      watches.postpone(arm, Date.now());
    }
  }

  // Somebody who cancels a guardian does not mean that a guest may stay frozen.
  return CancellationScope.nonCancellable(async () => {
    while (watches.next() || (await condition(() => watches.next() !== undefined, idleMs))) {
      const next = watches.next()!;
      const waitMs = next.dueAt - Date.now();
      const changed = waitMs > 0 && (await condition(() => watches.next() !== next, waitMs));
      if (!changed) await rescue(next.arm);
      if (workflowInfo().historyLength > eventsBeforeNew) {
        await condition(allHandlersFinished);
        await continueAsNew<typeof thawGuardian>(watches.state());
      }
    }
    await condition(allHandlersFinished);
    return watches.reports();
  });
}
