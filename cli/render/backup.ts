/** How a backup ended: its fields for people or JSON, and the exit status for a point below the wanted grade. */

import type { BackupResult } from '../../model/workflows/backup-guest.ts';
import { formatBytes } from '../../model/units.ts';
import type { WindowOutcome } from '../../model/window/window.ts';
import type { BackupMemo } from '../../client/backups.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { printJson } from './json.ts';
import { renderFields } from './table.ts';
import { reasonField, windowFields } from './window.ts';

export function printResult(
  context: Context,
  memo: BackupMemo,
  result: BackupResult,
  flags: { json: boolean; want?: string },
): void {
  if (flags.json) printJson(context, { message_type: 'result', ...memo, ...result });
  else context.process.stdout.write(renderFields(resultFields(memo, result, flags.want)));
  if (!result.satisfied) context.process.exitCode = exit.short;
}

/** The window of a backup that failed: who thawed, and how long writes stood. Its error is printed by whoever follows it. */
export function printFailed(context: Context, memo: BackupMemo, window: WindowOutcome, { json }: { json: boolean }): void {
  if (json) return printJson(context, { message_type: 'window', ...memo, window });
  const fields = [
    ['backup', memo.backup],
    ['guest', `${memo.guestName} on ${memo.host}`],
    ['status', 'ended without a restore point'],
    ...windowFields(window),
  ] as const;
  context.process.stdout.write(renderFields(fields));
}

function resultFields(memo: BackupMemo, result: BackupResult, want: string | undefined) {
  const short = want === undefined ? 'below the wanted grade; the point is kept' : `wanted ${want}; the point is kept`;
  return [
    ['restore point', result.backup],
    ['guest', `${memo.guestName} on ${memo.host}`],
    ['grade', result.satisfied ? result.grade : `${result.grade} (${short})`],
    reasonField(result.reasons),
    ...windowFields(result.window),
    ['disks', `${result.window.disks.length}, ${formatBytes(result.bytes)}`],
  ] as const;
}
