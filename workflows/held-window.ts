/** A window whose snapshot is not the host's to take: freeze, snapshot, thaw under one lease, with a guardian armed first. */

import { CancellationScope, getExternalWorkflowHandle, log, patched, proxyActivities } from '@temporalio/workflow';
import type { createControlActivities } from '../activities/control.ts';
import { errorCodes, type ErrorKind } from '../model/errors.ts';
import { controlQueue } from '../model/ids.ts';
import { longestLeaseMs } from '../model/window/lease.ts';
import type { GuardianArm } from '../model/window/watches.ts';
import type { WindowKey, WindowOutcome } from '../model/window/window.ts';
import type { HeldWindowInput } from '../model/workflows/held-window.ts';
import { thawGuardian } from '../model/workflows/thaw-guardian.ts';
import { hostActivities, optionsOf } from './activities.ts';
import { answeredCode, checkedInput, failure, hostAbsent, neverStarted, windowFailed } from './failures.ts';
import { signalOf } from './messages.ts';
import { goneProvesNothing } from './versions.ts';

const { armGuardian } = proxyActivities<ReturnType<typeof createControlActivities>>({
  taskQueue: controlQueue,
  ...optionsOf('armGuardian'),
});

export async function heldWindow(given: HeldWindowInput): Promise<WindowOutcome> {
  const { guest, backup, host, snapshot, leaseMs } = checkedInput('heldWindow', given);
  const key = { guest, backup, attempt: 1 };
  const arm: GuardianArm = { ...key, host, leaseMs: leaseMs ?? longestLeaseMs };
  await armGuardian(arm);
  // The thaw is owed from before the freeze is tried, so nothing in between can be cancelled away.
  return CancellationScope.nonCancellable(async () => {
    const activities = hostActivities(host);
    const refused = await failureIn(activities.freeze({ ...key, leaseMs }));
    if (neverStarted(refused)) {
      // Nobody took the freeze, and nobody can any more: no thaw is owed, and a host that is away could not confirm one.
      await disarm(arm);
      throw hostAbsent(host);
    }
    const stopped = refused ?? (await failureIn(activities.snapshot({ key, name: snapshot })));
    const outcome = await thawUnlessGone(activities.thaw, key);
    if (outcome === null && !wasRefused(refused) && patched(goneProvesNothing)) {
      log.warn('the host knows no such window, and its freeze may be in force: the guardian stays armed', { guest, backup });
      throw stopped ?? windowMissing(arm);
    }
    await disarm(arm);
    if (stopped !== null) throw neverStarted(stopped) ? hostAbsent(host) : stopped;
    const failed = outcome && windowFailed(outcome);
    if (failed) throw failed;
    return outcome!;
  });
}

async function failureIn(activity: Promise<unknown>): Promise<unknown> {
  try {
    await activity;
    return null;
  } catch (error) {
    return error;
  }
}

/** Whether the freeze was answered with an error that shows that nothing is frozen. */
function wasRefused(error: unknown): boolean {
  const code = answeredCode(error);
  return code !== undefined && harmless.has(errorCodes[code]);
}

/** After the others it is unknown what the host did before it failed. */
const harmless = new Set<ErrorKind>(['refused', 'invalid', 'not-running', 'wrong-host']);

function windowMissing({ guest, backup, host }: GuardianArm) {
  return failure(
    'window-lost',
    `host ${host} froze guest ${guest} and does not know the window of backup ${backup} any more; the guardian demands the thaw: look at "stillframe guest status ${guest}"`,
  );
}

/** Null when the host knows of no such window. Another instance of the worker says so too, so only a refused freeze shows that there is nothing to thaw. */
async function thawUnlessGone(thaw: (key: WindowKey) => Promise<WindowOutcome>, key: WindowKey): Promise<WindowOutcome | null> {
  try {
    return await thaw(key);
  } catch (error) {
    if (answeredCode(error) === 'window-gone') return null;
    throw error;
  }
}

async function disarm(arm: GuardianArm): Promise<void> {
  try {
    await getExternalWorkflowHandle(thawGuardian.id(arm)).signal(signalOf(thawGuardian.signals.disarm), arm);
  } catch {
    log.warn('the guardian is gone; the thaw was confirmed without it', { guest: arm.guest });
  }
}
