/** Backups as the server knows them: workflows of one type, distinguished by their memo. */

import type { WorkflowExecutionInfo } from '@temporalio/client';
import { StillframeError } from '../model/errors.ts';
import { isBackupId, isGuestId, isHostId, type BackupId, type GuestId, type HostId } from '../model/ids.ts';
import { didYouMean } from '../model/near.ts';
import { backupGuest, type BackupInput, type BackupProgress } from '../model/workflows/backup-guest.ts';
import type { Temporal } from './connection.ts';
import { ask, handleOf, startWorkflow, type HandleOf } from './workflows.ts';

/** What `backup run` writes beside the workflow, so that a list needs no history. */
export interface BackupMemo {
  backup: BackupId;
  guest: GuestId;
  guestName: string;
  host: HostId;
}

export interface Backup {
  memo: BackupMemo;
  info: WorkflowExecutionInfo;
}

/** A workflow answers in milliseconds when a control worker runs, and never without one. */
const queryMs = 5_000;

/** The id of the run. @throws backup-running */
export async function startBackup({ client }: Temporal, input: BackupInput): Promise<string> {
  const { WorkflowExecutionAlreadyStartedError } = await import('@temporalio/client');
  const { backup, guest, guestName, host } = input;
  const memo: BackupMemo = { backup, guest, guestName, host };
  try {
    const summary = `backup of ${guestName} on ${host}`;
    return (await startWorkflow(client, backupGuest, input, { summary, memo: { ...memo } })).firstExecutionRunId;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const running = memoOf(await handleOf(client, backupGuest, input).describe())?.backup ?? backupGuest.id(input);
    throw new StillframeError(
      'backup-running',
      `a backup of ${guestName} is running already (${running}): follow it with "stillframe backup follow ${running}"`,
      { guest, backup: running },
    );
  }
}

export function backupHandle({ client }: Temporal, { memo, info }: Backup): HandleOf<typeof backupGuest> {
  return handleOf(client, backupGuest, memo, info.runId);
}

/** Null when no control worker answers. */
export async function progressOf(temporal: Temporal, backup: Backup): Promise<BackupProgress | null> {
  const question = () => ask(backupHandle(temporal, backup), backupGuest.queries.progress);
  return temporal.connection.withDeadline(Date.now() + queryMs, question).catch(() => null);
}

/** Newest first, `most` at most. */
export async function listBackups({ client }: Temporal, most: number): Promise<Backup[]> {
  const backups: Backup[] = [];
  for await (const info of client.workflow.list({ query: ofOurType, pageSize: Math.min(most, 1_000) })) {
    if (backups.length === most) break;
    const memo = memoOf(info);
    if (memo) backups.push({ memo, info });
  }
  return backups;
}

/** A backup's id begins with its start; a day to each side covers clocks that disagree. @throws backup-unknown */
export async function findBackup({ client }: Temporal, id: string): Promise<Backup> {
  const startedMs = startOf(id);
  const day = 24 * 3_600_000;
  const between =
    startedMs === undefined
      ? ''
      : ` AND StartTime > '${new Date(startedMs - day).toISOString()}' AND StartTime < '${new Date(startedMs + day).toISOString()}'`;
  const seen: string[] = [];
  for await (const info of client.workflow.list({ query: `${ofOurType}${between}` })) {
    const memo = memoOf(info);
    if (memo?.backup === id) return { memo, info };
    if (memo) seen.push(memo.backup);
  }
  throw new StillframeError(
    'backup-unknown',
    `no backup ${JSON.stringify(id)} is known to the server.${didYouMean(id, seen)} "stillframe backup list" shows the latest, "stillframe point list" what is kept`,
    { backup: id },
  );
}

const ofOurType = `WorkflowType = '${backupGuest.type}'`;

/** Undefined for a workflow that somebody started without us. */
export function memoOf(info: Pick<WorkflowExecutionInfo, 'memo'>): BackupMemo | undefined {
  const memo = info.memo as Partial<Record<keyof BackupMemo, unknown>> | undefined;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const [backup, guest, host] = [text(memo?.backup), text(memo?.guest), text(memo?.host)];
  if (!isBackupId(backup) || !isGuestId(guest) || !isHostId(host)) return undefined;
  return { backup, guest, guestName: text(memo?.guestName), host };
}

/** Milliseconds since the epoch of an id like `20260101T020000-1a2b3c4d`. */
function startOf(id: string): number | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)-/.exec(id) ?? [];
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}
