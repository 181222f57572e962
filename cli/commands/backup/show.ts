/** `stillframe backup show BACKUP`: one backup, running or ended. */

import type { ServerFlags } from '../../../client/settings.ts';
import { backupHandle, findBackup, progressOf } from '../../../client/backups.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, backupArgument, jsonFlag, serverOf } from '../../flags.ts';
import { printFailed, printResult } from '../../render/backup.ts';
import { printJson } from '../../render/json.ts';
import { renderFields } from '../../render/table.ts';
import { formatTime } from '../../render/text.ts';
import { windowFields } from '../../render/window.ts';
import { withTemporal } from '../../../client/connection.ts';

export const backupShow = command(
  {
    docs: {
      brief: 'Show one backup, running or ended',
      fullDescription: 'Show one backup, running or ended. The exit status is that of the backup: as if it had been followed.',
    },
    parameters: { flags: { ...serverFlags, json: jsonFlag }, positional: backupArgument },
    async func(this: Context, flags: ServerFlags & { json: boolean }, id: string) {
      await withTemporal(await serverOf(this, flags), async (temporal) => {
        const backup = await findBackup(temporal, id);
        const { memo, info } = backup;
        if (info.status.name === 'COMPLETED') {
          return printResult(this, memo, await backupHandle(temporal, backup).result(), flags);
        }
        const progress = await progressOf(temporal, backup);
        if (info.status.name !== 'RUNNING') {
          if (progress?.window) printFailed(this, memo, progress.window, flags);
          await backupHandle(temporal, backup).result();
          return;
        }
        const stage = progress?.stage ?? 'not known: no control worker answers';
        if (flags.json) return printJson(this, { message_type: 'running', ...memo, stage: progress?.stage ?? null });
        this.process.stdout.write(
          renderFields([
            ['backup', memo.backup],
            ['guest', `${memo.guestName} on ${memo.host}`],
            ['status', 'running'],
            ['stage', stage],
            ['started', formatTime(info.startTime.toISOString())],
            ...(progress?.window ? windowFields(progress.window) : []),
          ]),
        );
      });
    },
  },
  ['short', 'refused', 'unknown', 'notRunning', 'temporal'],
);
