/** One backup of one guest: window, copy, manifest; and nothing of ours left in the guest's QEMU, whatever happened. */

import { CancellationScope, CancelledFailure, defineQuery, log, setHandler } from '@temporalio/workflow';
import { satisfies } from '../model/window/grade.ts';
import { gradePoint } from '../model/window/grading.ts';
import { messages, type BackupInput, type BackupProgress, type BackupResult } from '../model/workflows/messages.ts';
import type { PointDisk, RestorePoint } from '../model/point/point.ts';
import type { WindowOutcome } from '../model/window/window.ts';
import { answeredCode, failure, hostAbsent, neverStarted, windowFailed } from './failures.ts';
import { hostActivities } from './host-activities.ts';

export const progressQuery = defineQuery<BackupProgress>(messages.progress);

export async function backupGuest(input: BackupInput): Promise<BackupResult> {
  const { guest, backup, repository, host } = input;
  const activities = hostActivities(host);
  const outer = CancellationScope.current();
  const progress: BackupProgress = { stage: 'window', window: null };
  setHandler(progressQuery, () => progress);

  // A window ends within its lease by itself; cancelling one halfway would only lose what it proved.
  const window = await CancellationScope.nonCancellable(() => takeWindow(input));
  progress.window = window;
  try {
    const failed = windowFailed(window);
    if (failed) throw failed;
    stopIfCancelled(outer);
    progress.stage = 'copy';
    const disks = await activities.copy({ guest, backup, repository });
    stopIfCancelled(outer);
    progress.stage = 'commit';
    const point = describePoint(input, window, disks);
    await CancellationScope.nonCancellable(() => activities.commitPoint({ guest, backup, repository, point }));
    return {
      backup,
      grade: point.grade,
      reasons: point.reasons,
      satisfied: satisfies(point.grade, input.want),
      window,
      bytes: disks.reduce((sum, disk) => sum + disk.bytes, 0),
    };
  } finally {
    progress.stage = 'release';
    await CancellationScope.nonCancellable(() => activities.urgent.release({ guest, backup, repository }));
    progress.stage = 'done';
  }
}

/** Steps that are shielded, or ended before they heard of it, leave a cancellation to be looked for. */
function stopIfCancelled(scope: CancellationScope): void {
  if (scope.consideredCancelled) throw new CancelledFailure('the backup was cancelled');
}

/** The outcome of the window; throws only when it is known that nothing was frozen or that everything is thawed. */
async function takeWindow({ guest, backup, host, leaseMs }: BackupInput): Promise<WindowOutcome> {
  const { freezeWindow, urgent } = hostActivities(host);
  const key = { guest, backup, attempt: 1 };
  try {
    return await freezeWindow({ ...key, ...(leaseMs === undefined ? {} : { leaseMs }) });
  } catch (error) {
    if (neverStarted(error)) throw hostAbsent(host);
    const code = answeredCode(error);
    if (code !== undefined && code !== 'thaw-unconfirmed') throw error;
    log.warn('the window was lost on its way; asking the host how it ended', { guest, backup });
  }
  const known = await urgent.windowOutcome(key);
  if (known) return known;
  await urgent.ensureThawed({ guest, by: 'workflow' });
  const ended = await urgent.windowOutcome(key);
  if (ended) return ended;
  throw failure('window-lost', `the host does not know of this window: nothing was frozen for backup ${backup}; start it again`);
}

function describePoint(input: BackupInput, window: WindowOutcome, disks: PointDisk[]): RestorePoint {
  return {
    format: 1,
    id: input.backup,
    guest: { id: input.guest, name: input.guestName },
    host: input.host,
    pointInTimeAt: window.pointInTimeAt!,
    committedAt: new Date().toISOString(),
    ...gradePoint(window, disks),
    window,
    disks,
    skipped: window.skipped,
  };
}
