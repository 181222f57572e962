/** `stillframe guest show GUEST`: what its host announced about one guest. */

import type { ServerFlags } from '../../../client/settings.ts';
import { formatBytes } from '../../../model/units.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, guestArgument, jsonFlag, serverOf } from '../../flags.ts';
import { findListing } from '../../../client/hosts.ts';
import { printJson } from '../../render/json.ts';
import { renderFields } from '../../render/table.ts';
import { formatTime } from '../../render/text.ts';
import { withTemporal } from '../../../client/connection.ts';

export const guestShow = command(
  {
    docs: { brief: 'Show one guest as its host announced it' },
    parameters: { flags: { ...serverFlags, json: jsonFlag }, positional: guestArgument },
    async func(this: Context, flags: ServerFlags & { json: boolean }, name: string) {
      const { guest, inventory } = await withTemporal(await serverOf(this, flags), (temporal) => findListing(temporal, name));
      if (flags.json) return printJson(this, { ...guest, host: inventory.host, announcedAt: inventory.announcedAt });
      const none = (list: string[]) => (list.length === 0 ? 'none' : list);
      this.process.stdout.write(
        renderFields([
          ['name', guest.name],
          ['id', guest.id ?? 'unknown'],
          ['host', inventory.host],
          ['state', guest.state],
          ...(guest.strayFoundAt === undefined
            ? []
            : [['frozen', `by no window of Stillframe, found ${formatTime(guest.strayFoundAt)}`] as const]),
          ['problem', guest.problem ?? 'none'],
          ['disks', none(guest.disks.map(({ device, bytes }) => `${device} ${formatBytes(bytes)}`))],
          ['carries', none(guest.carries)],
          ['announced', formatTime(inventory.announcedAt)],
        ]),
      );
    },
  },
  ['notRunning', 'temporal'],
);
