/** `stillframe guest list`: every guest that a host announced. */

import type { ServerFlags } from '../../../client/settings.ts';
import { formatBytes } from '../../../model/units.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, jsonFlag, serverOf } from '../../flags.ts';
import { findHosts } from '../../../client/hosts.ts';
import { printJson } from '../../render/json.ts';
import { renderTable } from '../../render/table.ts';
import { withTemporal } from '../../../client/connection.ts';

export const guestList = command(
  {
    docs: { brief: 'List the guests of all hosts' },
    parameters: { flags: { ...serverFlags, json: jsonFlag } },
    async func(this: Context, flags: ServerFlags & { json: boolean }) {
      const hosts = await withTemporal(await serverOf(this, flags), findHosts);
      const all = hosts.flatMap((inventory) => inventory.guests.map((guest) => ({ ...guest, host: inventory.host })));
      if (flags.json) return printJson(this, all);
      if (hosts.length === 0) {
        this.process.stderr.write(
          'No host has announced itself yet: start "stillframe worker host" (or "stillframe up") on one.\n',
        );
      }
      const rows = all.map(({ name, host, id, state, disks, problem, carries, strayFoundAt }) => [
        name,
        host,
        problem ?? (strayFoundAt === undefined ? state : 'frozen'),
        `${disks.length}`,
        formatBytes(disks.reduce((sum, { bytes }) => sum + bytes, 0)),
        carries.join(','),
        id ?? 'unknown',
      ]);
      const width = this.isTTY ? this.columns : undefined;
      this.process.stdout.write(renderTable(['NAME', 'HOST', 'STATE', 'DISKS', 'SIZE', 'CARRIES', 'ID'], rows, { width }));
    },
  },
  ['notRunning', 'temporal'],
);
