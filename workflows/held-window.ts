/** A window whose snapshot is not the host's to take: freeze, snapshot, thaw under one lease, with a guardian armed first. */

import { CancellationScope, getExternalWorkflowHandle, log, proxyActivities } from '@temporalio/workflow';
import type { createControlActivities } from '../activities/control.ts';
import { controlQueue } from '../model/ids.ts';
import { longestLeaseMs } from '../model/window/lease.ts';
import type { GuardianArm } from '../model/window/watches.ts';
import type { WindowKey, WindowOutcome } from '../model/window/window.ts';
import type { HeldWindowInput } from '../model/workflows/held-window.ts';
import { thawGuardian } from '../model/workflows/thaw-guardian.ts';
import { hostActivities, optionsOf } from './activities.ts';
import { answeredCode, checkedInput, hostAbsent, neverStarted, windowFailed } from './failures.ts';
import { signalOf } from './messages.ts';

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

/** Null when the host knows of no such window: the freeze was refused, so there is nothing to thaw. */
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
