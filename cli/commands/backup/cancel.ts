/** `stillframe backup cancel BACKUP`: asks it to stop; what it made in the guest's QEMU is taken out again. */

import type { ServerFlags } from '../../../client/settings.ts';
import { backupHandle, findBackup } from '../../../client/backups.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, backupArgument, serverOf } from '../../flags.ts';
import { withTemporal } from '../../../client/connection.ts';

export const backupCancel = command(
  {
    docs: {
      brief: 'Cancel a running backup',
      fullDescription:
        'Cancel a running backup. A window that is open ends first, as always; then the copy stops, and everything of the backup\nis taken out of QEMU and the repository. "stillframe backup follow" shows the end.',
    },
    parameters: { flags: serverFlags, positional: backupArgument },
    async func(this: Context, flags: ServerFlags, id: string) {
      await withTemporal(await serverOf(this, flags), async (temporal) => {
        const backup = await findBackup(temporal, id);
        const { memo, info } = backup;
        if (info.status.name !== 'RUNNING') {
          this.process.stdout.write(`backup ${id} of ${memo.guestName} has ended already (${info.status.name.toLowerCase()})\n`);
          return;
        }
        await backupHandle(temporal, backup).cancel();
        this.process.stdout.write(
          `backup ${id} of ${memo.guestName} was asked to stop; watch its end: stillframe backup follow ${id}\n`,
        );
      });
    },
  },
  ['temporal'],
);
