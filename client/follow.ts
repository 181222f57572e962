/** Follows a backup to its end: its stage by query, its bytes from the heartbeat of its copy. */

import { setTimeout as delay } from 'node:timers/promises';
import type { DiskProgress } from '../model/point/point.ts';
import { backupGuest, type BackupResult, type BackupStage } from '../model/workflows/backup-guest.ts';
import type { BackupMemo } from './backups.ts';
import type { Temporal } from './connection.ts';
import { ask, handleOf, type HandleOf } from './workflows.ts';

export interface BackupStep {
  stage: BackupStage;
  /** Absent while there is nothing to count. */
  bytes?: { done: number; total: number; disk: string };
}

/** A look that takes longer is skipped: the end of the backup is awaited apart from it. */
const answerMs = 2_000;

/**
 * The backup's result; null when `signal` fired first: the backup then continues by itself.
 * @throws whatever the backup failed with
 */
export async function followBackup(
  { client, connection }: Temporal,
  { memo, runId }: { memo: BackupMemo; runId: string },
  { signal, everyMs, onStep }: { signal: AbortSignal; everyMs: number; onStep: (step: BackupStep) => void },
): Promise<BackupResult | null> {
  const handle = handleOf(client, backupGuest, memo, runId);
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const watch = async (): Promise<void> => {
    while (!either.aborted) {
      const step = await connection.withDeadline(Date.now() + answerMs, () => lookAt(handle)).catch(() => null);
      if (step && !either.aborted) onStep(step);
      await delay(everyMs, undefined, { signal: either }).catch(() => {});
    }
  };
  const watching = watch();
  try {
    return await connection.withAbortSignal(signal, () => handle.result());
  } catch (error) {
    if (!signal.aborted) throw error;
    return null;
  } finally {
    ended.abort();
    await watching;
  }
}

async function lookAt(handle: HandleOf<typeof backupGuest>): Promise<BackupStep> {
  const { stage } = await ask(handle, backupGuest.queries.progress);
  if (stage !== 'copy') return { stage };
  const { raw } = await handle.describe();
  const copy = raw.pendingActivities?.find((activity) => activity.activityType?.name === 'copy');
  const [payload] = copy?.heartbeatDetails?.payloads ?? [];
  if (!payload) return { stage };
  const { defaultPayloadConverter } = await import('@temporalio/client');
  const { doneBytes, totalBytes, disk } = defaultPayloadConverter.fromPayload<DiskProgress>(payload);
  // The first heartbeat comes before the size is known.
  return totalBytes === 0 ? { stage } : { stage, bytes: { done: doneBytes, total: totalBytes, disk } };
}
