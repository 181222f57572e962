/** Doctor: the sockets of the guests, their owners, and who is on them. */

import { stat } from 'node:fs/promises';
import { clientsOf } from '../../host/channel/holder.ts';
import type { HostConfig, ListedGuest } from '../../host/config.ts';
import { guestSources } from '../../host/drivers/qemu/sources.ts';
import type { Finding } from '../../model/doctor.ts';
import { messageOf } from '../../model/errors.ts';
import { fail, ok, warn } from './finding.ts';

/** Sends nothing: a channel belongs to its present client, and a connection would take it away. */
export async function checkSockets(config: Pick<HostConfig, 'guests'>): Promise<Finding[]> {
  const guests = await guestSources(config.guests);
  if (guests.length === 0) {
    return [
      warn(
        'sockets',
        "the host's file leads to no guest",
        'list guests, or correct the patterns under "find" (docs/030-hosts-file.md)',
      ),
    ];
  }
  return (await Promise.all(guests.map(checkGuest))).flat();
}

async function checkGuest(guest: ListedGuest): Promise<Finding[]> {
  const sockets = [
    ['channel', guest.channel],
    ['second channel', guest.agentChannel],
    ['monitor', guest.monitor],
  ] as const;
  const known = sockets.flatMap(([kind, path]) => (path === undefined ? [] : [[kind, path] as const]));
  return Promise.all(
    known.map(async ([kind, path]) => {
      const name = `${guest.name}: ${kind} ${path}`;
      try {
        const entry = await stat(path);
        if (!entry.isSocket()) return fail('sockets', `${name} is not a socket`, "correct the path in the host's file");
        const owner = `owned by user ${entry.uid}, mode ${(entry.mode & 0o777).toString(8)}`;
        const { served } = await clientsOf(path);
        if (served.length === 0) return ok('sockets', `${name} is free (${owner})`);
        return ok('sockets', `${name} has a client now (${owner}): a host worker, or "ss -xp src ${path}" names it`);
      } catch (error) {
        return fail('sockets', `${name}: ${messageOf(error)}`, `start the guest, or correct the path in the host's file`);
      }
    }),
  );
}
