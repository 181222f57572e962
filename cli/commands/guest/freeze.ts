/** `stillframe guest freeze GUEST`: by hand, and under a lease like everything else. */

import type { ServerFlags } from '../../../client/settings.ts';
import { formatDuration } from '../../../model/units.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, guestArgument, jsonFlag, leaseFlag, serverOf } from '../../flags.ts';
import { withTemporal } from '../../../client/connection.ts';
import { runGuestCommand } from '../../../client/guest-command.ts';
import { printJson } from '../../render/json.ts';
import { escapeText } from '../../../lib/escape.ts';

interface Flags extends ServerFlags {
  lease?: number;
  json: boolean;
}

export const guestFreeze = command(
  {
    docs: {
      brief: 'Freeze the filesystems of a guest for at most its lease',
      fullDescription:
        'Freeze the filesystems of a guest by hand. At the end of the lease its host thaws it by itself, even when this command has ended,\nor the server or the network is down; "stillframe guest thaw" ends it sooner.',
    },
    parameters: { flags: { ...serverFlags, lease: leaseFlag, json: jsonFlag }, positional: guestArgument },
    async func(this: Context, flags: Flags, name: string) {
      const { guest, backup, result } = await withTemporal(await serverOf(this, flags), (temporal) =>
        runGuestCommand(temporal, 'freeze', name, flags.lease),
      );
      if (flags.json) return printJson(this, { guest: guest.id, name: guest.name, backup, ...result });
      const shown = escapeText(guest.name);
      this.process.stdout.write(
        `${shown} is frozen: ${result.frozenCount} filesystems, epoch ${result.epoch}\n` +
          `It thaws by itself ${formatDuration(result.leaseMs)} after the freeze was sent; sooner with: stillframe guest thaw ${shown}\n`,
      );
    },
  },
  ['refused', 'unknown', 'notRunning', 'temporal'],
);
