/** `stillframe guest status GUEST`: frozen or thawed, and whether Stillframe has a window open on it. */

import type { ServerFlags } from '../../../client/settings.ts';
import { formatDuration } from '../../../model/units.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, guestArgument, jsonFlag, serverOf } from '../../flags.ts';
import { withTemporal } from '../../../client/connection.ts';
import { runGuestCommand } from '../../../client/guest-command.ts';
import { printJson } from '../../render/json.ts';
import { leaseFields } from '../../render/lease.ts';
import { renderFields } from '../../render/table.ts';
import { formatTime } from '../../render/text.ts';

export const guestStatus = command(
  {
    docs: { brief: 'Ask a guest whether it is frozen, and whether by Stillframe' },
    parameters: { flags: { ...serverFlags, json: jsonFlag }, positional: guestArgument },
    async func(this: Context, flags: ServerFlags & { json: boolean }, name: string) {
      const { guest, result } = await withTemporal(await serverOf(this, flags), (temporal) =>
        runGuestCommand(temporal, 'status', name),
      );
      const { agent, window, lease } = result;
      if (flags.json) return printJson(this, { guest: guest.id, name: guest.name, agent, window, lease: lease ?? null });
      this.process.stdout.write(
        renderFields([
          ['name', guest.name],
          ['agent says', agent],
          ...leaseFields(lease),
          [
            'window',
            window === null
              ? 'no Stillframe window is open'
              : `open since ${formatTime(window.openedAt)} under a lease of ${formatDuration(window.leaseMs)} (backup ${window.backup}, epoch ${window.epoch})`,
          ],
        ]),
      );
      if (agent === 'frozen' && window === null) {
        this.process.stderr.write(
          `Stillframe did not make this freeze. "stillframe guest thaw ${guest.name}" undoes it all the same.\n`,
        );
      }
    },
  },
  ['refused', 'unknown', 'notRunning', 'temporal'],
);
