/** Points in time of plain QEMU: one transaction of copy-before-write jobs into local scratch. */

import { isStillframeError, messageOf, StillframeError } from '../../../model/errors.ts';
import { objectStem, type BackupId, type GuestId } from '../../../model/ids.ts';
import type { HostConfig } from '../../config.ts';
import type { Monitor } from '../../channel/types.ts';
import type { Log } from '../../../lib/log.ts';
import type { JsonObject } from '../../../protocol/json.ts';
import type { Guest, Leftover, PointInTimeDriver, PointName, PreparedPoint } from '../driver.ts';
import { openExports, verifyPoint } from './exports.ts';
import { createIntervals } from './intervals.ts';
import { watchScratch } from './scratch-watch.ts';
import { queryDisks, type GuestDisks } from './identify.ts';
import type { Monitors } from './monitors.ts';
import { offeredOptions, refuseForeign, startServer } from './preflight.ts';
import { queryPlaces } from './places.ts';
import { nameObjects, openPointRecords, scratchPlaces, type PointRecord, type RecordedDisk } from './records.ts';
import { makeScratchDirectory, makeScratchImage, planScratch, removeScratch, scratchImage, unwritable } from './scratch.ts';
import { addSentinels } from './sentinels.ts';
import { ourNames, teardown } from './teardown.ts';
import { takePoint } from './transaction.ts';

export interface PointInTimeParts {
  monitors: Monitors;
  config: Pick<HostConfig, 'scratch'>;
  stateDir: string;
  log: Log;
  /** The monitor of every guest that the driver has handed out. */
  monitorPaths: ReadonlyMap<GuestId, string>;
  /** Every monitor that the host's file lists, or that its patterns find. */
  monitorsInFile: () => Promise<ReadonlySet<string>>;
}

export function createPointInTimeDriver({
  monitors,
  config: { scratch },
  stateDir,
  log,
  monitorPaths,
  monitorsInFile,
}: PointInTimeParts): PointInTimeDriver {
  const records = openPointRecords(stateDir, scratch);
  const intervals = createIntervals({ stateDir, log });
  const monitorOf = ({ id }: Guest) => monitorPaths.get(id)!;
  const stopWatching = new Map<BackupId, () => void>();
  let planned: Promise<unknown> = Promise.resolve();

  async function recordOf(guest: GuestId, backup: BackupId): Promise<PointRecord> {
    const record = await records.read(backup);
    if (record?.guest !== guest)
      throw new StillframeError(
        'point-in-time-lost',
        `this host has no point in time of guest ${guest} by backup ${backup}: back the guest up again`,
        { guest, backup },
      );
    return record;
  }

  async function prepare(guest: Guest, backup: BackupId, repository: string | null): Promise<PreparedPoint> {
    if (await records.read(backup)) await giveUp(guest.id, backup);
    const { monitor, release } = await monitors.use(monitorOf(guest));
    try {
      const disks = await queryDisks(monitor);
      await refuseForeign(monitor, guest, disks);
      const options = await offeredOptions(monitor);
      const places = await queryPlaces(monitor);
      const record = await plan(guest, backup, disks);
      await makeScratchDirectory(scratch, record.directory).catch(async (error: unknown) => {
        await records.remove(backup);
        throw error;
      });
      let rotation: JsonObject[];
      try {
        await startServer(monitor, record);
        for (const disk of record.disks) await addScratch(monitor, record, disk);
        await watch(record);
        rotation = repository === null ? [] : await prepareIntervals(monitor, record, repository);
      } catch (error) {
        await giveUp(guest.id, backup);
        throw error;
      }
      return {
        disks: record.disks.map(({ name, device, bytes }) => ({ name, device, bytes })),
        skipped: disks.skipped,
        places,
        begin: () => takePoint(monitor, record, { options, rotation, log }).finally(release),
        abandon: () => giveUp(guest.id, backup).finally(release),
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  async function prepareIntervals(monitor: Monitor, record: PointRecord, repository: string): Promise<JsonObject[]> {
    const { guest, backup, disks } = record;
    const marked = await addSentinels(monitor, scratch, record);
    const prepared = await intervals.prepare(monitor, { guest, repository, backup }, marked);
    for (const [index, disk] of disks.entries()) disk.interval = prepared.intervals[index]!;
    await records.write(record);
    return prepared.actions;
  }

  /** Changes that were recorded for it go back to the interval before. */
  async function giveUp(guest: GuestId, backup: BackupId): Promise<void> {
    await end(guest, { backup });
    await settle(guest, backup, false);
  }

  async function settle(guest: GuestId, backup: BackupId, committed: boolean): Promise<void> {
    const path = monitorPaths.get(guest);
    const use = path === undefined ? undefined : await monitors.use(path).catch(() => undefined);
    try {
      await intervals.settle(use?.monitor, guest, backup, committed);
    } finally {
      use?.release();
    }
  }

  /** One at a time: each must see what the others have taken. */
  function plan(guest: Guest, backup: BackupId, disks: GuestDisks): Promise<PointRecord> {
    const planning = planned.then(async () => {
      const room = await planScratch(scratch, disks.captured, await records.all());
      const places = scratchPlaces(scratch, backup);
      const record = {
        backup,
        guest: guest.id,
        monitor: monitorOf(guest),
        ...places,
        ...room,
        disks: nameObjects(backup, disks.captured),
      };
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

  /** Every point in time that may run out of scratch, whoever prepared it. */
  async function guard(): Promise<void> {
    for (const record of (await records.all()).filter(({ thresholdBytes }) => thresholdBytes !== null)) {
      if ((await namedMonitor(record)) === undefined) continue;
      await watch(record).catch((error: unknown) =>
        log('warn', `the scratch of a point in time cannot be watched yet: ${messageOf(error)}`, { backup: record.backup }),
      );
    }
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
    if ('stem' in point) return takeOutOfQemu(monitorPaths.get(guest), point, undefined);
    const { backup } = point;
    const record = await records.read(backup);
    if (record && record.guest !== guest) throw notOfGuest(record, guest);
    // Without a record nothing of this backup is here: objects of another one may have names that begin alike.
    if (record) await takeOutOfQemu(monitorPaths.get(guest) ?? (await namedMonitor(record)), point, record.socket);
    stopWatching.get(backup)?.();
    stopWatching.delete(backup);
    if (!record) return;
    await removeScratch(scratch, record.directory);
    await records.remove(backup);
    log('info', 'released a point in time; nothing of it is left in QEMU or scratch', { backup });
  }

  /** The monitor of a guest that has not been listed yet, as its record has it: used only where the host's file names it. */
  async function namedMonitor(record: PointRecord | undefined): Promise<string | undefined> {
    const named = await monitorsInFile();
    return record && named.has(record.monitor) ? record.monitor : undefined;
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
    guard,
    end,
    settle,
    async exports(guest, backup) {
      const record = await recordOf(guest.id, backup);
      await watch(record);
      return openExports(await monitors.use(monitorOf(guest)), records, record, scratch);
    },
    async verify(guest, backup) {
      const record = await recordOf(guest.id, backup);
      await monitors.ask(monitorOf(guest), (monitor) => verifyPoint(monitor, record));
    },
    async leftovers(guests) {
      const recorded = await records.all();
      const found: Leftover[] = recorded.map(({ guest, backup }) => ({ guest, backup }));
      const stems = new Set(recorded.map(({ backup }) => objectStem(backup)));
      for (const guest of guests) {
        // A guest that cannot be asked now is asked the next time; the others are not kept waiting for it.
        const names = await monitors.ask(monitorOf(guest), ourNames).catch(() => []);
        const strays = new Set(names.map((name) => name.split('.').slice(0, 2).join('.')).filter((stem) => !stems.has(stem)));
        for (const stem of strays) found.push({ guest: guest.id, stem });
      }
      return found;
    },
  };
}

function notOfGuest({ backup, guest: owner }: PointRecord, guest: GuestId): StillframeError {
  return new StillframeError(
    'input-invalid',
    `backup ${backup} is of guest ${owner}, not of ${guest}: name both as they belong together`,
    {
      backup,
      guest,
    },
  );
}
