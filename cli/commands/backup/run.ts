/** `stillframe backup run GUEST`: takes a backup and follows it. */

import type { ServerFlags } from '../../../client/settings.ts';
import { randomBytes } from 'node:crypto';
import { grades, type Grade } from '../../../model/window/grade.ts';
import { newBackupId } from '../../../model/ids.ts';
import { startBackup, type BackupMemo } from '../../../client/backups.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, guestArgument, jsonFlag, leaseFlag, repositoryFlag, serverOf } from '../../flags.ts';
import { showBackup } from '../../follow.ts';
import { findGuest } from '../../../client/hosts.ts';
import { printJson } from '../../render/json.ts';
import { printResult } from '../../render/backup.ts';
import { chooseRepository } from '../../repository.ts';
import { withTemporal } from '../../../client/connection.ts';

interface Flags extends ServerFlags {
  want: Grade;
  lease?: number;
  repository?: string;
  detach: boolean;
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
        ...serverFlags,
        json: jsonFlag,
      },
      positional: guestArgument,
    },
    async func(this: Context, flags: Flags, name: string) {
      await withTemporal(await serverOf(this, flags), async (temporal) => {
        const { guest, inventory } = await findGuest(temporal, name);
        const { host } = inventory;
        const memo: BackupMemo = {
          backup: newBackupId(Date.now(), randomBytes(4).toString('hex')),
          guest: guest.id,
          guestName: guest.name,
          host,
        };
        const repository = chooseRepository(flags.repository, inventory.repositories, `host ${host}`);
        // Before the start: a Ctrl-C from here on must not leave a running backup that was never printed.
        const interrupt = this.interrupt();
        const runId = await startBackup(temporal, { ...memo, repository, want: flags.want, leaseMs: flags.lease });
        if (flags.json) printJson(this, { message_type: 'started', ...memo, repository });
        else this.process.stdout.write(started(memo, flags.detach));
        if (flags.detach) return;
        const result = await showBackup(this, temporal, { memo, runId }, { json: flags.json, interrupt });
        if (result) printResult(this, memo, result, flags);
      });
    },
  },
  ['short', 'refused', 'unknown', 'notRunning', 'temporal', 'interrupted'],
);

function started({ backup, guestName, host }: BackupMemo, detached: boolean): string {
  const line = `backup ${backup} of ${guestName} on ${host} started\n`;
  return detached ? `${line}Look at it: stillframe backup follow ${backup}\n` : line;
}
