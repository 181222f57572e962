/** Follows a backup on the terminal to its end, or until Ctrl-C leaves it to itself. */

import type { BackupMemo } from '../client/backups.ts';
import type { Temporal } from '../client/connection.ts';
import { followBackup } from '../client/follow.ts';
import type { BackupResult } from '../model/workflows/backup-guest.ts';
import type { Context } from './context.ts';
import { exit } from './exit.ts';
import { printJson } from './render/json.ts';
import { createProgress, type Progress } from './render/progress.ts';

/** A person sees movement; a log needs less of it. */
const lookMs = { terminal: 500, plain: 2_000 };

/** The backup's result; null after Ctrl-C, which has been reported and has set the exit status. @throws whatever the backup failed with */
export async function showBackup(
  context: Context,
  temporal: Temporal,
  target: { memo: BackupMemo; runId: string },
  { json, interrupt }: { json: boolean; interrupt: AbortSignal },
): Promise<BackupResult | null> {
  const progress = json ? jsonProgress(context) : createProgress(context, () => performance.now());
  const everyMs = context.isTTY ? lookMs.terminal : lookMs.plain;
  try {
    const result = await followBackup(temporal, target, { signal: interrupt, everyMs, onStep: progress.show });
    if (result) return result;
    progress.clear();
    sayItGoesOn(context, target.memo);
    context.process.exitCode = exit.interrupted;
    return null;
  } finally {
    progress.clear();
  }
}

function sayItGoesOn(context: Context, { backup, guestName }: BackupMemo): void {
  context.process.stderr.write(
    `The backup of ${guestName} continues in the background.\n` +
      `  Look at it:  stillframe backup follow ${backup}\n` +
      `  Stop it:     stillframe backup cancel ${backup}\n`,
  );
}

function jsonProgress(context: Context): Progress {
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
