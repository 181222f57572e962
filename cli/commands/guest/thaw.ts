/** `stillframe guest thaw GUEST`: thaw until it is confirmed, whichever program froze it. */

import type { ServerFlags } from '../../../client/settings.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, guestArgument, jsonFlag, serverOf } from '../../flags.ts';
import { withTemporal } from '../../../client/connection.ts';
import { runGuestCommand } from '../../../client/guest-command.ts';
import { printJson } from '../../render/json.ts';
import { heldText } from '../../render/window.ts';
import { escapeText } from '../../../lib/escape.ts';

export const guestThaw = command(
  {
    docs: {
      brief: 'Thaw a guest until it confirms, whichever program froze it',
      fullDescription:
        'Thaw a guest until it confirms, whichever program froze it. Without a server or worker: "stillframe thaw --local" on\nits host.',
    },
    parameters: { flags: { ...serverFlags, json: jsonFlag }, positional: guestArgument },
    async func(this: Context, flags: ServerFlags & { json: boolean }, name: string) {
      const { guest, result } = await withTemporal(await serverOf(this, flags), (temporal) =>
        runGuestCommand(temporal, 'thaw', name),
      );
      const { report } = result;
      if (flags.json) return printJson(this, { name: guest.name, ...report });
      const { was, outcome } = report;
      const held = outcome ? `: writes stood ${heldText(outcome.times, outcome.claim.lease?.heldMs ?? null)}` : '';
      const window = was === 'closed' ? 'no Stillframe window was open' : `its window is closed${held}`;
      this.process.stdout.write(`${escapeText(guest.name)} is ${report.status}; ${window}\n`);
    },
  },
  ['refused', 'unknown', 'notRunning', 'temporal'],
);
