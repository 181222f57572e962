/** `stillframe guest status GUEST` or `--all`: frozen or thawed, by whom, since when, and what is owed. */

import { withTemporal } from '../../../client/connection.ts';
import { commandGuest, runGuestCommand } from '../../../client/guest-command.ts';
import { statusOfFleet } from '../../../client/guest-status.ts';
import { findHosts } from '../../../client/hosts.ts';
import type { ServerFlags } from '../../../client/settings.ts';
import { StillframeError } from '../../../model/errors.ts';
import { freezeVerdict } from '../../../model/guest/freeze-verdict.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { exit, exitOfCode } from '../../exit.ts';
import { serverFlags, jsonFlag, serverOf } from '../../flags.ts';
import { printFleet } from '../../render/fleet.ts';
import { printJson } from '../../render/json.ts';
import { statusFields } from '../../render/guest-status.ts';
import { renderFields } from '../../render/table.ts';

interface Flags extends ServerFlags {
  all?: boolean;
  json: boolean;
}

export const guestStatus = command(
  {
    docs: {
      brief: 'Ask a guest, or all, whether it is frozen, by whom, and what is owed to it',
      fullDescription:
        'Ask a guest, or with --all every guest of every host, whether it is frozen, by whom, since when, and what is owed to it.\nThe exit status is 1 when one is frozen and nobody owes the thaw, or when a thaw is overdue; else 6 when one did not answer.',
      customUsage: ['GUEST', '--all'],
    },
    parameters: {
      flags: {
        ...serverFlags,
        all: { kind: 'boolean', optional: true, withNegated: false, brief: 'Every guest of every host' },
        json: jsonFlag,
      },
      positional: {
        kind: 'tuple',
        parameters: [{ parse: String, placeholder: 'GUEST', brief: 'Name or id of a guest', optional: true }],
      },
    },
    async func(this: Context, flags: Flags, name?: string) {
      if ((name === undefined) === (flags.all !== true)) {
        throw new StillframeError('input-invalid', 'name one guest, or give --all for every guest of every host');
      }
      const server = await serverOf(this, flags);
      if (name !== undefined)
        return showOne(this, await withTemporal(server, (temporal) => runGuestCommand(temporal, 'status', name)), flags);
      const fleet = await withTemporal(server, async (temporal) =>
        statusOfFleet(await findHosts(temporal), async (found) => (await commandGuest(temporal, 'status', found)).result),
      );
      printFleet(this, fleet, flags);
    },
  },
  ['refused', 'unknown', 'notRunning', 'temporal'],
);

function showOne(
  context: Context,
  { guest, result }: Awaited<ReturnType<typeof runGuestCommand<'status'>>>,
  { json }: Flags,
): void {
  const { command: _, ...status } = result;
  const verdict = freezeVerdict(status);
  if (verdict === 'stray' || verdict === 'overdue') context.process.exitCode = exit.error;
  else if (status.unanswered && verdict === 'unknown') context.process.exitCode = exitOfCode(status.unanswered.code);
  const { lease = null, last = null } = status;
  if (json) return printJson(context, { guest: guest.id, name: guest.name, verdict, ...status, lease, last });
  context.process.stdout.write(renderFields([['name', guest.name], ...statusFields(status)]));
  if (status.agent === 'frozen' && status.window === null) {
    context.process.stderr.write(
      `Stillframe did not make this freeze. "stillframe guest thaw ${guest.name}" undoes it all the same.\n`,
    );
  }
}
