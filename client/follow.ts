/** Follows a backup to its end: stage by query, bytes from the heartbeat of its copy. */

import type { WorkflowHandle } from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import { messages, type BackupProgress, type BackupResult, type CopyProgress } from '../model/workflows/messages.ts';
import type { Context } from '../cli/context.ts';
import { exit } from '../cli/exit.ts';
import { printJson } from '../cli/render/json.ts';
import { createProgress, type Step } from '../cli/render/progress.ts';
import type { Temporal } from './connection.ts';

/** A person sees movement; a log needs less of it. */
const lookMs = { terminal: 500, plain: 2_000 };
/** A look that takes longer is skipped: the end of the backup is watched for apart from it. */
const answerMs = 2_000;

/**
 * The backup's result; null when Ctrl-C left it to itself, which has been said and has its exit status by then.
 * @throws whatever the backup failed with
 */
export async function followBackup(
  context: Context,
  { client, connection }: Temporal,
  target: { workflowId: string; runId: string; backup: string; guestName: string },
  { json, interrupt }: { json: boolean; interrupt: AbortSignal },
): Promise<BackupResult | null> {
  const handle: WorkflowHandle = client.workflow.getHandle(target.workflowId, target.runId);
  const ended = new AbortController();
  const either = AbortSignal.any([interrupt, ended.signal]);
  const progress = json ? jsonProgress(context) : createProgress(context, () => performance.now());

  const watch = async (): Promise<void> => {
    while (!either.aborted) {
      const step = await connection.withDeadline(Date.now() + answerMs, () => lookAt(handle)).catch(() => null);
      if (step && !either.aborted) progress.show(step);
      await delay(context.isTTY ? lookMs.terminal : lookMs.plain, undefined, { signal: either }).catch(() => {});
    }
  };
  const watching = watch();
  try {
    return await connection.withAbortSignal(interrupt, () => handle.result() as Promise<BackupResult>);
  } catch (error) {
    if (!interrupt.aborted) throw error;
    progress.clear();
    sayItGoesOn(context, target);
    context.process.exitCode = exit.interrupted;
    return null;
  } finally {
    ended.abort();
    await watching;
    progress.clear();
  }
}

async function lookAt(handle: WorkflowHandle): Promise<Step> {
  const { stage } = await handle.query<BackupProgress>(messages.progress);
  if (stage !== 'copy') return { stage };
  const { raw } = await handle.describe();
  const copy = raw.pendingActivities?.find((activity) => activity.activityType?.name === 'copy');
  const [payload] = copy?.heartbeatDetails?.payloads ?? [];
  if (!payload) return { stage };
  const { defaultPayloadConverter } = await import('@temporalio/client');
  const { doneBytes, totalBytes, disk } = defaultPayloadConverter.fromPayload<CopyProgress>(payload);
  // The first heartbeat comes before the size is known.
  return totalBytes === 0 ? { stage } : { stage, bytes: { done: doneBytes, total: totalBytes, disk } };
}

function sayItGoesOn(context: Context, { backup, guestName }: { backup: string; guestName: string }): void {
  context.process.stderr.write(
    `The backup of ${guestName} goes on in the background.\n` +
      `  Look at it:  stillframe backup follow ${backup}\n` +
      `  Stop it:     stillframe backup cancel ${backup}\n`,
  );
}

function jsonProgress(context: Context): ReturnType<typeof createProgress> {
  let last = '';
  return {
    show({ stage, bytes }) {
      const counts = bytes ? { doneBytes: bytes.done, totalBytes: bytes.total, disk: bytes.disk } : {};
      const line = { message_type: 'progress', stage, ...counts };
      if (JSON.stringify(line) === last) return;
      last = JSON.stringify(line);
      printJson(context, line);
    },
    clear() {},
  };
}
