/** Backups as the server knows them: workflows of one type, told apart by their memo. */

import type { WorkflowExecutionInfo } from '@temporalio/client';
import { StillframeError } from '../model/errors.ts';
import { didYouMean } from '../model/near.ts';
import type { Temporal } from './connection.ts';

/** What `backup run` writes beside the workflow, so that a list needs no history. */
export interface BackupMemo {
  backup: string;
  guest: string;
  guestName: string;
  host: string;
}

export interface Backup {
  memo: BackupMemo;
  info: WorkflowExecutionInfo;
}

/** Newest first, `most` at most. */
export async function listBackups({ client }: Temporal, most: number): Promise<Backup[]> {
  const backups: Backup[] = [];
  for await (const info of client.workflow.list({ query: "WorkflowType = 'backupGuest'", pageSize: Math.min(most, 1_000) })) {
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
  for await (const info of client.workflow.list({ query: `WorkflowType = 'backupGuest'${between}` })) {
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

/** Undefined for a workflow that somebody started without us. */
export function memoOf(info: Pick<WorkflowExecutionInfo, 'memo'>): BackupMemo | undefined {
  const memo = info.memo as Partial<Record<keyof BackupMemo, unknown>> | undefined;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  if (!memo || text(memo.backup) === '') return undefined;
  return { backup: text(memo.backup), guest: text(memo.guest), guestName: text(memo.guestName), host: text(memo.host) };
}

/** Milliseconds since the epoch of an id like `20260101T020000-1a2b3c4d`. */
function startOf(id: string): number | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)-/.exec(id) ?? [];
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}
