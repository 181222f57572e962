/** `stillframe guest ping GUEST`: does the agent answer, and how soon? */

import type { ServerFlags } from '../../../client/settings.ts';
import { formatDuration } from '../../../model/units.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, guestArgument, jsonFlag, serverOf } from '../../flags.ts';
import { withTemporal } from '../../../client/connection.ts';
import { runGuestCommand } from '../../../client/guest-command.ts';
import { printJson } from '../../render/json.ts';
import { escapeText } from '../../../lib/escape.ts';

export const guestPing = command(
  {
    docs: { brief: "Ask a guest's agent whether it answers" },
    parameters: { flags: { ...serverFlags, json: jsonFlag }, positional: guestArgument },
    async func(this: Context, flags: ServerFlags & { json: boolean }, name: string) {
      const { guest, result } = await withTemporal(await serverOf(this, flags), (temporal) =>
        runGuestCommand(temporal, 'ping', name),
      );
      if (flags.json) return printJson(this, { guest: guest.id, name: guest.name, ...result });
      this.process.stdout.write(`${escapeText(guest.name)} answered in ${formatDuration(result.roundTripMs)}\n`);
    },
  },
  ['refused', 'unknown', 'notRunning', 'temporal'],
);
