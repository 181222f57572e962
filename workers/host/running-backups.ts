/** Which backup of a guest runs now: the server knows, since each guest has one workflow at a time. */

import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { memoOf } from '../../client/backups.ts';
import { handleOf } from '../../client/workflows.ts';
import type { BackupId, GuestId } from '../../model/ids.ts';
import { backupGuest } from '../../model/workflows/backup-guest.ts';

/** The server answers in milliseconds. */
const answerMs = 5_000;

/** Null when none runs. @throws when the server does not say, or does not say which backup it is */
export function runningBackups(client: Client): (guest: GuestId) => Promise<BackupId | null> {
  return async (guest) => {
    try {
      const describe = () => handleOf(client, backupGuest, { guest }).describe();
      const info = await client.connection.withDeadline(Date.now() + answerMs, describe);
      if (info.status.name !== 'RUNNING') return null;
      const memo = memoOf(info);
      if (memo) return memo.backup;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
    throw new Error(`the workflow ${backupGuest.id({ guest })} does not say which backup it is`);
  };
}
