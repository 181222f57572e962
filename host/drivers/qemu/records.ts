/** What a point in time left where, so that any later process can read it or take it away. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { StillframeError } from '../../../model/errors.ts';
import { backupId, isBackupId, isGuestId, objectStem, type BackupId, type GuestId } from '../../../model/ids.ts';
import { fullReasons, type FullReason, type Interval } from '../../../model/point/interval.ts';
import type { CapturedDisk } from '../../../model/window/window.ts';
import type { ScratchConfig } from '../../config.ts';
import { makeDirectory, namesIn, readJson, removeDurably, writeJson } from '../../../lib/durable.ts';

export interface RecordedDisk extends CapturedDisk {
  node: string;
  /** Our names inside QEMU: the scratch image, its file, the job, the export. */
  scratch: string;
  file: string;
  job: string;
  export: string;
  /** Whether the export offers the changes since an earlier point, as decided before it is made. */
  interval: Interval;
}

export function nameObjects(
  backup: BackupId,
  disks: readonly Pick<RecordedDisk, 'name' | 'device' | 'bytes' | 'node'>[],
): RecordedDisk[] {
  const stem = objectStem(backup);
  return disks.map((disk, index) => ({
    ...disk,
    scratch: `${stem}.${index}`,
    file: `${stem}.f${index}`,
    job: `${stem}.j${index}`,
    export: `${stem}.e${index}`,
    interval: { full: 'no-interval' },
  }));
}

export interface PointRecord extends StoredRecord {
  /** Directory of the scratch images and of the NBD socket: QEMU's user can write there. */
  directory: string;
  socket: string;
}

/** What is on the disk. Where things are is derived from the host's file and the id each time: a record has no say in it. */
interface StoredRecord {
  backup: BackupId;
  guest: GuestId;
  monitor: string;
  /** Bytes that are reserved for it. */
  reservedBytes: number;
  /** Bytes of each scratch file at which the backup is given up; null when all of it is reserved. */
  thresholdBytes: number | null;
  disks: RecordedDisk[];
}

export interface PointRecords {
  write(record: PointRecord): Promise<void>;
  read(backup: BackupId): Promise<PointRecord | undefined>;
  all(): Promise<PointRecord[]>;
  remove(backup: BackupId): Promise<void>;
}

/** Where the images of one backup and the socket of its NBD server are: by its id alone, whatever a record says. */
export function scratchPlaces(config: ScratchConfig, backup: BackupId): { directory: string; socket: string } {
  const directory = join(config.path, backupId(backup));
  return { directory, socket: join(directory, 'nbd') };
}

/** Whether any point in time has a record: takes microseconds, for callers that poll. */
export function mayHavePoints(stateDir: string): boolean {
  const directory = join(stateDir, 'points-in-time');
  return existsSync(directory) && readdirSync(directory).length > 0;
}

export function openPointRecords(stateDir: string, scratch: ScratchConfig): PointRecords {
  const directory = join(stateDir, 'points-in-time');
  // Payloads are typed, and unchecked: no other text may become a path.
  const path = (backup: BackupId) => join(directory, `${backupId(backup)}.json`);
  const read = async (backup: BackupId) => {
    const stored = await readJson(path(backup));
    return stored === undefined ? undefined : readRecord(stored, backup, scratch);
  };
  return {
    read,
    async write(record) {
      await makeDirectory(directory);
      const { directory: _, socket: __, ...stored } = record;
      await writeJson(path(record.backup), stored);
    },
    async all() {
      const names = (await namesIn(directory))
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -'.json'.length));
      // A damaged one is reported where its backup is asked for; it must not stop the others.
      const records = await Promise.all(names.filter(isBackupId).map((name) => read(name).catch(() => undefined)));
      return records.filter((record) => record !== undefined);
    },
    async remove(backup) {
      if (await read(backup)) await removeDurably(path(backup));
    },
  };
}

/** @throws journal-damaged */
function readRecord(stored: unknown, backup: BackupId, scratch: ScratchConfig): PointRecord {
  const record = stored as StoredRecord;
  const isOurs =
    record.backup === backup &&
    isGuestId(record.guest) &&
    typeof record.monitor === 'string' &&
    Array.isArray(record.disks) &&
    record.disks.every(({ name }) => diskName.test(name));
  if (!isOurs)
    throw new StillframeError(
      'journal-damaged',
      `the record of the point in time of backup ${backup} is damaged: look at it and remove it by hand from "points-in-time" in the state directory`,
      { backup },
    );
  const disks = record.disks.map((disk) => ({ ...disk, interval: readInterval(disk.interval) }));
  return { ...record, disks, ...scratchPlaces(scratch, backup) };
}

/** Absent from records of earlier versions; what is no interval costs a full read, and never a point in time. */
function readInterval(stored: unknown): Interval {
  const { bitmap, since, full } = (stored ?? {}) as Record<string, unknown>;
  if (typeof bitmap === 'string' && typeof since === 'string' && isBackupId(since)) return { bitmap, since };
  return { full: fullReasons.includes(full as FullReason) ? (full as FullReason) : 'interval-lost' };
}

const diskName = /^disk\d+$/;
