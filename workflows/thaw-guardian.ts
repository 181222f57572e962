/** The guardian of one guest's held windows: when one is not disarmed in time, it demands the thaw, for ever, and pages. */

import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { createGuardianActivities } from '../activities/guardian.ts';
import type { createWindowActivities } from '../activities/window.ts';
import { activityProfiles, freezeStartMs } from '../model/workflows/activities.ts';
import { guardianQueue, hostQueues } from '../model/ids.ts';
import { messages, type GuardianArm, type GuardianReport } from '../model/workflows/messages.ts';

/** A watch over one window: when the thaw is next demanded, in milliseconds of workflow time, and how often it was in vain. */
interface Watch {
  arm: GuardianArm;
  dueAt: number;
  tries: number;
}

export interface GuardianState {
  watches: Watch[];
  reports: GuardianReport[];
}

/** How long past its lease a window is left to all the others who end it. */
const graceMs = 5_000;
/** A guest is usually frozen once a night; a guardian that stays a minute serves its retries too. */
const idleMs = 60_000;
const betweenTriesMs = 10_000;
/** Far below the 2,000 events that a history may have, with the events of one rescue to spare. */
const eventsBeforeNew = 1_000;
/** Reports that are carried on: the last few tell the story, the rest stands in earlier runs. */
const reportsKept = 20;

export const armUpdate = defineUpdate<void, [GuardianArm]>(messages.arm);
export const disarmSignal = defineSignal<[GuardianArm]>(messages.disarm);
export const armedQuery = defineQuery<GuardianArm[]>(messages.armed);
export const reportsQuery = defineQuery<GuardianReport[]>(messages.reports);

const { page } = proxyActivities<ReturnType<typeof createGuardianActivities>>({
  taskQueue: guardianQueue,
  ...activityProfiles.control,
});

export async function thawGuardian(state: GuardianState = { watches: [], reports: [] }): Promise<GuardianReport[]> {
  const { watches, reports } = state;
  setHandler(armUpdate, (arm) => {
    // The lease begins when the freeze is picked up: before that time is over, nobody is late.
    if (!watches.some((watch) => isFor(watch, arm)))
      watches.push({ arm, dueAt: Date.now() + freezeStartMs + arm.leaseMs + graceMs, tries: 0 });
  });
  setHandler(disarmSignal, (arm) => end(arm, { ended: 'disarmed', thaw: null }));
  setHandler(armedQuery, () => watches.map((watch) => watch.arm));
  setHandler(reportsQuery, () => reports);

  function end({ backup, attempt }: GuardianArm, how: Pick<GuardianReport, 'ended' | 'thaw'>): void {
    const index = watches.findIndex((watch) => isFor(watch, { backup, attempt }));
    if (index < 0) return;
    watches.splice(index, 1);
    reports.push({ backup, attempt, ...how });
  }

  /** One round of bounded tries. The rounds are the main loop's, so that between any two a new run can take over. */
  async function rescue(watch: Watch): Promise<void> {
    const { arm } = watch;
    const { ensureThawed } = proxyActivities<ReturnType<typeof createWindowActivities>['urgent']>({
      taskQueue: hostQueues(arm.host).urgent,
      ...activityProfiles.guardian,
    });
    try {
      end(arm, { ended: 'confirmed', thaw: await ensureThawed({ guest: arm.guest, by: 'guardian' }) });
    } catch {
      watch.tries += activityProfiles.guardian.retry.maximumAttempts;
      await page({ arm, tries: watch.tries });
      watch.dueAt = Date.now() + betweenTriesMs;
    }
  }

  // Somebody who cancels a guardian does not mean that a guest may stay frozen.
  return CancellationScope.nonCancellable(async () => {
    while (watches.length > 0 || (await condition(() => watches.length > 0, idleMs))) {
      const next = earliest(watches)!;
      const changed = next.dueAt > Date.now() && (await condition(() => earliest(watches) !== next, next.dueAt - Date.now()));
      if (!changed) await rescue(next);
      if (workflowInfo().historyLength > eventsBeforeNew) {
        await condition(allHandlersFinished);
        await continueAsNew<typeof thawGuardian>({ watches, reports: reports.slice(-reportsKept) });
      }
    }
    await condition(allHandlersFinished);
    return reports;
  });
}

function earliest(watches: Watch[]): Watch | undefined {
  return watches.toSorted((one, other) => one.dueAt - other.dueAt)[0];
}

function isFor({ arm }: Watch, { backup, attempt }: Pick<GuardianArm, 'backup' | 'attempt'>): boolean {
  return arm.backup === backup && arm.attempt === attempt;
}
