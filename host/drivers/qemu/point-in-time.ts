/** Points in time of plain QEMU: one transaction of copy-before-write jobs into local scratch. */

import { isStillframeError, messageOf, StillframeError } from '../../../model/errors.ts';
import { objectPrefix, objectStem, type BackupId, type GuestId } from '../../../model/ids.ts';
import type { HostConfig } from '../../config.ts';
import type { Monitor } from '../../channel/types.ts';
import type { Log } from '../../../lib/log.ts';
import type { Guest, Leftover, PointInTimeDriver, PointName, PreparedPoint } from '../driver.ts';
import { openExports, verifyPoint } from './exports.ts';
import { watchScratch } from './scratch-watch.ts';
import { objects, queryDisks, type GuestDisks } from './identify.ts';
import type { Monitors } from './monitors.ts';
import { openPointRecords, type PointRecord, type RecordedDisk } from './records.ts';
import { makeScratchDirectory, makeScratchImage, planScratch, removeScratch, scratchImage, unwritable } from './scratch.ts';
import { teardown } from './teardown.ts';

/** The copy uses one connection; the rest are for inspection tools. */
const maxConnections = 4;

export interface PointInTimeParts {
  monitors: Monitors;
  config: Pick<HostConfig, 'scratch'>;
  stateDir: string;
  log: Log;
  /** The monitor of every guest that the driver has handed out. */
  monitorPaths: ReadonlyMap<GuestId, string>;
}

export function createPointInTimeDriver({
  monitors,
  config: { scratch },
  stateDir,
  log,
  monitorPaths,
}: PointInTimeParts): PointInTimeDriver {
  const records = openPointRecords(stateDir);
  const monitorOf = ({ id }: Guest) => monitorPaths.get(id)!;
  const stopWatching = new Map<BackupId, () => void>();
  let planned: Promise<unknown> = Promise.resolve();

  async function recordOf(backup: BackupId): Promise<PointRecord> {
    const record = await records.read(backup);
    if (!record)
      throw new StillframeError(
        'point-in-time-lost',
        `this host has no point in time of backup ${backup}: back the guest up again`,
        { backup },
      );
    return record;
  }

  async function prepare(guest: Guest, backup: BackupId): Promise<PreparedPoint> {
    if (await records.read(backup)) await end(guest.id, { backup });
    const { monitor, release } = await monitors.use(monitorOf(guest));
    try {
      const disks = await queryDisks(monitor);
      await refuseForeign(monitor, guest, disks);
      const options = await offeredOptions(monitor);
      const record = await plan(guest, backup, disks);
      try {
        await makeScratchDirectory(scratch, record.directory);
        await startServer(monitor, record);
        for (const disk of record.disks) await addScratch(monitor, record, disk);
        await watch(record);
      } catch (error) {
        await end(guest.id, { backup });
        throw error;
      }
      return {
        disks: record.disks.map(({ name, device, bytes }) => ({ name, device, bytes })),
        skipped: disks.skipped,
        begin: () => begin(monitor, record, options).finally(release),
        abandon: () => end(guest.id, { backup }).finally(release),
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** One at a time: each must see what the others have taken. */
  function plan(guest: Guest, backup: BackupId, disks: GuestDisks): Promise<PointRecord> {
    const planning = planned.then(async () => {
      const room = await planScratch(scratch, backup, disks.captured, await records.all());
      const record = { backup, guest: guest.id, monitor: monitorOf(guest), ...room, disks: nameObjects(backup, disks) };
      await records.write(record);
      return record;
    });
    planned = planning.catch(() => {});
    return planning;
  }

  async function watch(record: PointRecord): Promise<void> {
    if (record.thresholdBytes === null || stopWatching.has(record.backup)) return;
    stopWatching.set(record.backup, watchScratch(await monitors.use(record.monitor), record, log));
  }

  async function addScratch(monitor: Monitor, record: PointRecord, disk: RecordedDisk): Promise<void> {
    const path = scratchImage(record.directory, disk);
    await makeScratchImage(scratch, path, disk.bytes, record.thresholdBytes === null);
    try {
      const file = { driver: 'file', 'node-name': disk.file, filename: path };
      await monitor.execute('blockdev-add', { driver: 'qcow2', 'node-name': disk.scratch, backing: disk.node, file });
    } catch (error) {
      if (!isStillframeError(error, 'monitor-refused')) throw error;
      throw unwritable(scratch.path, `QEMU says "${String(error.facts.desc)}"`, error);
    }
    if (record.thresholdBytes !== null)
      await monitor.execute('block-set-write-threshold', { 'node-name': disk.file, 'write-threshold': record.thresholdBytes });
  }

  async function end(guest: GuestId, point: PointName): Promise<void> {
    const record = 'backup' in point ? await records.read(point.backup) : undefined;
    await takeOutOfQemu(record?.monitor ?? monitorPaths.get(guest), point, record?.socket);
    if ('stem' in point) return;
    const { backup } = point;
    stopWatching.get(backup)?.();
    stopWatching.delete(backup);
    if (!record) return;
    await removeScratch(record.directory);
    await records.remove(backup);
    log('info', 'released a point in time; nothing of it is left in QEMU or scratch', { backup });
  }

  async function takeOutOfQemu(path: string | undefined, point: PointName, socket: string | undefined): Promise<void> {
    if (path === undefined) return;
    const stem = 'backup' in point ? objectStem(point.backup) : point.stem;
    try {
      await monitors.ask(path, (monitor) => teardown(monitor, stem, socket));
    } catch (error) {
      // A QEMU that has ended took all our objects with it.
      if (isStillframeError(error, 'monitor-unreachable')) return;
      throw new StillframeError(
        'release-unfinished',
        `what backup ${'backup' in point ? point.backup : `"${stem}"`} left in QEMU could not be taken away yet: ${messageOf(error)}`,
        { ...point },
        error,
      );
    }
  }

  return {
    prepare,
    end,
    async exports(guest, backup) {
      const record = await recordOf(backup);
      await watch(record);
      return openExports(await monitors.use(monitorOf(guest)), record);
    },
    async verify(guest, backup) {
      const record = await recordOf(backup);
      await monitors.ask(monitorOf(guest), (monitor) => verifyPoint(monitor, record));
    },
    async leftovers(guests) {
      const recorded = await records.all();
      const found: Leftover[] = recorded.map(({ guest, backup }) => ({ guest, backup }));
      const stems = new Set(recorded.map(({ backup }) => objectStem(backup)));
      for (const guest of guests) {
        const names = await monitors.ask(monitorOf(guest), ourNames);
        const strays = new Set(names.map((name) => name.split('.').slice(0, 2).join('.')).filter((stem) => !stems.has(stem)));
        for (const stem of strays) found.push({ guest: guest.id, stem });
      }
      return found;
    },
  };
}

function nameObjects(backup: BackupId, disks: GuestDisks): RecordedDisk[] {
  const stem = objectStem(backup);
  return disks.captured.map((disk, index) => ({
    ...disk,
    scratch: `${stem}.${index}`,
    file: `${stem}.f${index}`,
    job: `${stem}.j${index}`,
    export: `${stem}.e${index}`,
  }));
}

/** The point in time. All jobs start at one instant or none does. */
async function begin(monitor: Monitor, record: PointRecord, options: Record<string, string>): Promise<void> {
  const actions = record.disks.map((disk) => ({
    type: 'blockdev-backup',
    data: {
      'job-id': disk.job,
      device: disk.node,
      target: disk.scratch,
      sync: 'none',
      'auto-dismiss': false,
      'auto-finalize': true,
      ...options,
    },
  }));
  try {
    await monitor.execute('transaction', { actions });
  } catch (error) {
    throw new StillframeError(
      'point-in-time-failed',
      `QEMU could not take the point in time: ${isStillframeError(error, 'monitor-refused') ? String(error.facts.desc) : messageOf(error)}`,
      { backup: record.backup },
      error,
    );
  }
}

/** Preflight: refuses foreign block jobs, a foreign NBD server, or a guest without writable disks before the freeze. */
async function refuseForeign(monitor: Monitor, guest: Guest, disks: GuestDisks): Promise<void> {
  const refuse = (why: string) => new StillframeError('point-in-time-failed', `guest ${guest.name} ${why}`, { guest: guest.id });
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
async function startServer(monitor: Monitor, record: PointRecord): Promise<void> {
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
async function offeredOptions(monitor: Monitor): Promise<Record<string, string>> {
  const schema = objects(await monitor.execute('query-qmp-schema'));
  const command = schema.find((entry) => entry.name === 'blockdev-backup');
  const members = objects(schema.find((entry) => entry.name === command?.['arg-type'])?.members ?? []);
  return members.some((member) => member.name === 'on-cbw-error') ? { 'on-cbw-error': 'break-snapshot' } : {};
}

async function ourNames(monitor: Monitor): Promise<string[]> {
  const jobs = objects(await monitor.execute('query-jobs')).map((each) => each.id);
  const nodes = objects(await monitor.execute('query-named-block-nodes', { flat: true })).map((each) => each['node-name']);
  const exports = objects(await monitor.execute('query-block-exports')).map((each) => each.id);
  return [...jobs, ...nodes, ...exports].filter(
    (name): name is string => typeof name === 'string' && name.startsWith(objectPrefix),
  );
}
