/** What a guest's QEMU must offer before a point in time is prepared, and the NBD server, of which it has only one. */

import { isStillframeError, StillframeError } from '../../../model/errors.ts';
import { objectPrefix } from '../../../model/ids.ts';
import type { Monitor } from '../../channel/types.ts';
import type { Guest } from '../driver.ts';
import { objects, type GuestDisks } from './identify.ts';
import type { PointRecord } from './records.ts';
import { unwritable } from './scratch.ts';

/** The record of a point has every disk, and a server carries 2 MiB at most: 64 with all that an inspection may say are half of that. */
const mostDisks = 64;

/** The copy uses one connection; the rest are for inspection tools. */
const maxConnections = 4;

/** Preflight: refuses foreign block jobs, a foreign NBD server, or a guest without writable disks before the freeze. */
export async function refuseForeign(monitor: Monitor, guest: Guest, disks: GuestDisks): Promise<void> {
  const refuse = (why: string) => new StillframeError('point-in-time-failed', `guest ${guest.name} ${why}`, { guest: guest.id });
  if (disks.captured.length > mostDisks)
    throw refuse(`has ${disks.captured.length} writable disks, and a backup takes at most ${mostDisks}`);
  if (disks.captured.length === 0) throw refuse('has no writable disk: there is nothing to back up');
  const [job] = objects(await monitor.execute('query-block-jobs'));
  if (job) {
    const name = String(job.device);
    const whose = name.startsWith(objectPrefix) ? 'of another Stillframe backup' : 'that is not Stillframe’s';
    throw refuse(`has a block job "${name}" (${String(job.type)}) ${whose}: wait for it, or end it`);
  }
  const served = objects(await monitor.execute('query-block-exports')).find((each) => each.type === 'nbd');
  if (served)
    throw refuse(
      `already serves "${String(served.id)}" by NBD, and QEMU has one NBD server: wait until its reader is done, or stop it`,
    );
}

/** Before the freeze, because QEMU has one server only: if it is taken, nothing was frozen for nothing. */
export async function startServer(monitor: Monitor, record: PointRecord): Promise<void> {
  try {
    const addr = { type: 'unix', data: { path: record.socket } };
    await monitor.execute('nbd-server-start', { addr, 'max-connections': maxConnections });
  } catch (error) {
    if (!isStillframeError(error, 'monitor-refused')) throw error;
    const desc = String(error.facts.desc);
    if (!desc.includes('already running')) throw unwritable(record.directory, `QEMU says "${desc}"`, error);
    throw new StillframeError(
      'point-in-time-failed',
      'QEMU already runs an NBD server that is not Stillframe’s, and it has only one: another backup tool may be using it; end that first',
      { backup: record.backup, desc },
      error,
    );
  }
}

/** From QEMU 10.1 on a full scratch can break the point in time instead of failing the guest's write; older ones get the threshold. */
export async function offeredOptions(monitor: Monitor): Promise<Record<string, string>> {
  const schema = objects(await monitor.execute('query-qmp-schema'));
  const command = schema.find((entry) => entry.name === 'blockdev-backup');
  const members = objects(schema.find((entry) => entry.name === command?.['arg-type'])?.members ?? []);
  return members.some((member) => member.name === 'on-cbw-error') ? { 'on-cbw-error': 'break-snapshot' } : {};
}
