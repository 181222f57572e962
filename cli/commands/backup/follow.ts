/** `stillframe backup follow BACKUP`: as if `backup run` had not been left. */

import type { ServerFlags } from '../../../client/settings.ts';
import { findBackup } from '../../../client/backups.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, backupArgument, jsonFlag, serverOf } from '../../flags.ts';
import { showBackup } from '../../follow.ts';
import { printResult } from '../../render/backup.ts';
import { withTemporal } from '../../../client/connection.ts';

export const backupFollow = command(
  {
    docs: { brief: 'Follow a backup to its end' },
    parameters: { flags: { ...serverFlags, json: jsonFlag }, positional: backupArgument },
    async func(this: Context, flags: ServerFlags & { json: boolean }, id: string) {
      await withTemporal(await serverOf(this, flags), async (temporal) => {
        const { memo, info } = await findBackup(temporal, id);
        const result = await showBackup(
          this,
          temporal,
          { memo, runId: info.runId },
          { json: flags.json, interrupt: this.interrupt() },
        );
        if (result) printResult(this, memo, result, flags);
      });
    },
  },
  ['short', 'refused', 'unknown', 'notRunning', 'temporal', 'interrupted'],
);
