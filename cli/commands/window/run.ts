/** `stillframe window run GUEST --snapshot NAME`: a held window around a snapshot that is not the host's to take. */

import type { ServerFlags } from '../../../client/settings.ts';
import { holdWindow } from '../../../client/windows.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { exit } from '../../exit.ts';
import { serverFlags, guestArgument, jsonFlag, leaseFlag, serverOf } from '../../flags.ts';
import { printJson } from '../../render/json.ts';
import { renderFields } from '../../render/table.ts';
import { reasonField, windowFields } from '../../render/window.ts';
import { withTemporal } from '../../../client/connection.ts';

interface Flags extends ServerFlags {
  snapshot: string;
  lease?: number;
  json: boolean;
}

export const windowRun = command(
  {
    docs: {
      brief: "Freeze a guest around a snapshot command of the host's file",
      fullDescription:
        "Freeze a guest, run a snapshot command that the host's file names, thaw. A guardian is armed first. When the freeze did\nnot hold through the snapshot, the reasons say why and the exit status is 3.",
    },
    parameters: {
      flags: {
        snapshot: {
          kind: 'parsed',
          parse: (input: string) => input,
          placeholder: 'NAME',
          brief: "Snapshot command by its name in the host's file",
        },
        lease: leaseFlag,
        ...serverFlags,
        json: jsonFlag,
      },
      positional: guestArgument,
    },
    async func(this: Context, flags: Flags, name: string) {
      const { guest, outcome } = await withTemporal(await serverOf(this, flags), (temporal) =>
        holdWindow(temporal, name, { snapshot: flags.snapshot, leaseMs: flags.lease }),
      );
      if (flags.json) printJson(this, outcome);
      else {
        this.process.stdout.write(
          renderFields([
            ['window', outcome.backup],
            ['guest', guest.name],
            ['snapshot', flags.snapshot],
            ...windowFields(outcome),
            reasonField(outcome.reasons),
          ]),
        );
      }
      if (outcome.reasons.length > 0) this.process.exitCode = exit.short;
    },
  },
  ['short', 'refused', 'unknown', 'notRunning', 'temporal'],
);
