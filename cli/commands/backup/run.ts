/** `stillframe backup run GUEST`: takes a backup and follows it. */

import { randomBytes } from 'node:crypto';
import { StillframeError } from '../../../model/errors.ts';
import { grades, type Grade } from '../../../model/window/grade.ts';
import { controlQueue, newBackupId, workflowIds } from '../../../model/ids.ts';
import type { BackupInput } from '../../../model/workflows/messages.ts';
import { memoOf, type BackupMemo } from '../../../client/backups.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { addressFlag, guestArgument, jsonFlag, leaseFlag, repositoryFlag } from '../../flags.ts';
import { followBackup } from '../../../client/follow.ts';
import { findGuest } from '../../../client/hosts.ts';
import { printJson } from '../../render/json.ts';
import { printResult } from '../../render/backup.ts';
import { chooseRepository } from '../../repository.ts';
import { withTemporal, type Temporal } from '../../../client/connection.ts';

interface Flags {
  want: Grade;
  lease?: number;
  repository?: string;
  detach: boolean;
  address?: string;
  json: boolean;
}

export const backupRun = command(
  {
    docs: {
      brief: 'Take a backup of one guest',
      fullDescription:
        'Take a backup of one guest: freeze, point in time, thaw, then copy. A point that is worth less than --want is kept, and\nthe exit status says so. Ctrl-C leaves the backup running in the background.',
    },
    parameters: {
      flags: {
        want: { kind: 'enum', values: grades, default: 'filesystem', brief: 'Grade that the point should have' },
        lease: leaseFlag,
        repository: repositoryFlag,
        detach: { kind: 'boolean', default: false, withNegated: false, brief: 'Start it and do not wait' },
        address: addressFlag,
        json: jsonFlag,
      },
      positional: guestArgument,
    },
    async func(this: Context, flags: Flags, name: string) {
      await withTemporal(this, flags, async (temporal) => {
        const { guest, inventory } = await findGuest(temporal, name);
        const { host } = inventory;
        const memo: BackupMemo = {
          backup: newBackupId(Date.now(), randomBytes(4).toString('hex')),
          guest: guest.id,
          guestName: guest.name,
          host,
        };
        const repository = chooseRepository(flags.repository, inventory.repositories, `host ${host}`);
        const lease = flags.lease === undefined ? {} : { leaseMs: flags.lease };
        // Before the start: a Ctrl-C from here on must not leave a backup behind that nobody was told of.
        const interrupt = this.interrupt();
        const runId = await start(temporal, memo, { ...memo, repository, want: flags.want, ...lease });
        if (flags.json) printJson(this, { message_type: 'started', ...memo, repository });
        else this.process.stdout.write(started(memo, flags.detach));
        if (flags.detach) return;
        const target = { ...memo, workflowId: workflowIds.backup(guest.id), runId };
        const result = await followBackup(this, temporal, target, { json: flags.json, interrupt });
        if (result) printResult(this, memo, result, flags);
      });
    },
  },
  ['short', 'refused', 'unknown', 'notRunning', 'temporal', 'interrupted'],
);

/** The run's id. @throws backup-running */
async function start({ client }: Temporal, memo: BackupMemo, input: BackupInput): Promise<string> {
  const { WorkflowExecutionAlreadyStartedError } = await import('@temporalio/client');
  const workflowId = workflowIds.backup(memo.guest);
  try {
    const handle = await client.workflow.start('backupGuest', {
      taskQueue: controlQueue,
      workflowId,
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      args: [input],
      memo: { ...memo },
      staticSummary: `backup of ${memo.guestName} on ${memo.host}`,
    });
    return handle.firstExecutionRunId;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const running = memoOf(await client.workflow.getHandle(workflowId).describe())?.backup ?? workflowId;
    throw new StillframeError(
      'backup-running',
      `a backup of ${memo.guestName} is running already (${running}): follow it with "stillframe backup follow ${running}"`,
      { guest: memo.guest, backup: running },
    );
  }
}

function started({ backup, guestName, host }: BackupMemo, detached: boolean): string {
  const line = `backup ${backup} of ${guestName} on ${host} started\n`;
  return detached ? `${line}Look at it: stillframe backup follow ${backup}\n` : line;
}
