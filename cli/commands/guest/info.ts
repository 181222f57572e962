/** `stillframe guest info GUEST`: the agent, the system and the filesystems, by the guest's own word. */

import type { ServerFlags } from '../../../client/settings.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, guestArgument, jsonFlag, serverOf } from '../../flags.ts';
import { withTemporal } from '../../../client/connection.ts';
import { runGuestCommand } from '../../../client/guest-command.ts';
import { printJson } from '../../render/json.ts';
import { leaseFields } from '../../render/lease.ts';
import { renderFields } from '../../render/table.ts';

export const guestInfo = command(
  {
    docs: { brief: 'Ask a guest what it is: agent, system, filesystems' },
    parameters: { flags: { ...serverFlags, json: jsonFlag }, positional: guestArgument },
    async func(this: Context, flags: ServerFlags & { json: boolean }, name: string) {
      const { guest, result } = await withTemporal(await serverOf(this, flags), (temporal) =>
        runGuestCommand(temporal, 'info', name),
      );
      const { info } = result;
      if (flags.json) return printJson(this, { guest: guest.id, name: guest.name, ...info });
      const mounts = info.filesystems.map(({ mountpoint, type, device }) => `${mountpoint} ${type} on ${device}`);
      if (info.filesystemsOmitted) mounts.push(`and ${info.filesystemsOmitted} more`);
      this.process.stdout.write(
        renderFields([
          ['name', guest.name],
          ['agent', `${info.agent} ${info.version}, ${info.commands} commands`],
          ['system', info.os ?? 'unknown'],
          ['filesystems', mounts.length === 0 ? 'none' : mounts],
          ...leaseFields(info.lease),
        ]),
      );
    },
  },
  ['refused', 'unknown', 'notRunning', 'temporal'],
);
