/** One backup of one guest: window, copy, commit; then nothing of it is left in the guest's QEMU, whatever happened. */

import { ApplicationFailure, CancellationScope, CancelledFailure, log, patched, setHandler } from '@temporalio/workflow';
import type { BackupId } from '../model/ids.ts';
import { satisfies } from '../model/window/grade.ts';
import type { WindowOutcome } from '../model/window/window.ts';
import {
  backupGuest as contract,
  type BackupInput,
  type BackupProgress,
  type BackupResult,
} from '../model/workflows/backup-guest.ts';
import { hostActivities } from './activities.ts';
import { answeredCode, checkedInput, failure, hostAbsent, neverStarted, windowFailed } from './failures.ts';
import { queryOf } from './messages.ts';
import { answeredOrMoved } from './moved.ts';
import { furtherWindows, gradedByWorkflow, releaseOfLostWindows, thawWhereItIs } from './versions.ts';

export async function backupGuest(given: BackupInput): Promise<BackupResult> {
  const input = checkedInput('backupGuest', given);
  const { guest, backup, repository, host } = input;
  const activities = hostActivities(host);
  const outer = CancellationScope.current();
  const progress: BackupProgress = { stage: 'window', window: null };
  setHandler(queryOf(contract.queries.progress), () => progress);

  // A window ends within its lease by itself; cancelling one halfway would only lose what it proved.
  const window = await CancellationScope.nonCancellable(() => takeWindow(input)).catch(async (error: unknown) => {
    // A worker that died while it prepared the point in time has left parts of it in QEMU.
    if (isLost(error) && patched(releaseOfLostWindows)) {
      await CancellationScope.nonCancellable(() => activities.release({ guest, backup, repository }));
    }
    throw error;
  });
  progress.window = window;
  try {
    const failed = windowFailed(window);
    if (failed) throw failed;
    stopIfCancelled(outer);
    progress.stage = 'copy';
    const copied = await activities.copy({ guest, backup, repository });
    stopIfCancelled(outer);
    progress.stage = 'commit';
    const committed = await CancellationScope.nonCancellable(() => activities.commitPoint({ guest, backup, repository }));
    const { grade, reasons, disks } = committed ?? gradedByWorkflow(window, copied);
    return {
      backup,
      grade,
      reasons,
      satisfied: satisfies(grade, input.want),
      window,
      bytes: disks.reduce((sum, disk) => sum + disk.bytes, 0),
    };
  } finally {
    progress.stage = 'release';
    await CancellationScope.nonCancellable(() => activities.release({ guest, backup, repository }));
    progress.stage = 'done';
  }
}

/** Steps that are shielded, or that ended before the cancellation reached them, do not throw: ask the scope itself. */
function stopIfCancelled(scope: CancellationScope): void {
  if (scope.consideredCancelled) throw new CancelledFailure('the backup was cancelled');
}

const isLost = (error: unknown) => error instanceof ApplicationFailure && error.type === 'window-lost';

/** A worker that ends while it prepares a window costs another attempt, not the backup; one that ends each time needs attention. */
const mostWindows = 3;

/** The outcome of the window; throws only when it is known that nothing was frozen or that everything is thawed. */
async function takeWindow(input: BackupInput): Promise<WindowOutcome> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryWindow(input, attempt);
    if (outcome) return outcome;
    if (attempt === mostWindows || !patched(furtherWindows)) throw windowLost(input.backup);
    log.warn('nothing was frozen by a window that was lost; trying again', { backup: input.backup, attempt });
  }
}

/** Null when the window was lost and nothing was frozen. */
async function tryWindow(
  { guest, backup, repository, host, leaseMs }: BackupInput,
  attempt: number,
): Promise<WindowOutcome | null> {
  const { freezeWindow, windowOutcome, ensureThawed } = hostActivities(host);
  const key = { guest, backup, attempt };
  try {
    return await freezeWindow({ ...key, leaseMs, repository });
  } catch (error) {
    if (neverStarted(error)) throw hostAbsent(host);
    const code = answeredCode(error);
    if (code !== undefined && code !== 'thaw-unconfirmed') throw error;
    log.warn('the activity of the window was lost; asking the host how the window ended', { guest, backup });
  }
  const asked = windowOutcome(key);
  const known = await (patched(thawWhereItIs) ? answeredOrMoved(asked, { guest, host }) : asked);
  if (known) return known;
  await ensureThawed({ guest, by: 'workflow' });
  return windowOutcome(key);
}

function windowLost(backup: BackupId): ApplicationFailure {
  return failure(
    'window-lost',
    `the host lost the window of backup ${backup} ${mostWindows} times before it froze anything: see why its worker ends, in its log, and start the backup again`,
  );
}
