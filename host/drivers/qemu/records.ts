/** What a point in time left where, so that any later process can read it or take it away. */

import { join } from 'node:path';
import { backupId, isBackupId, type BackupId, type GuestId } from '../../../model/ids.ts';
import type { CapturedDisk } from '../../../model/window/window.ts';
import { makeDirectory, namesIn, readJson, removeDurably, writeJson } from '../../../lib/durable.ts';

export interface RecordedDisk extends CapturedDisk {
  node: string;
  /** Our names inside QEMU: the scratch image, its file, the job, the export. */
  scratch: string;
  file: string;
  job: string;
  export: string;
}

export interface PointRecord {
  backup: BackupId;
  guest: GuestId;
  monitor: string;
  /** Directory of the scratch images and of the NBD socket: QEMU's user can write there. */
  directory: string;
  socket: string;
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

export function openPointRecords(stateDir: string): PointRecords {
  const directory = join(stateDir, 'points-in-time');
  // Payloads are typed, and unchecked: no other text may become a path.
  const path = (backup: BackupId) => join(directory, `${backupId(backup)}.json`);
  const read = async (backup: BackupId) => (await readJson(path(backup))) as PointRecord | undefined;
  return {
    read,
    async write(record) {
      await makeDirectory(directory);
      await writeJson(path(record.backup), record);
    },
    async all() {
      const names = (await namesIn(directory))
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -'.json'.length));
      const records = await Promise.all(names.filter(isBackupId).map(read));
      return records.filter((record) => record !== undefined);
    },
    async remove(backup) {
      if (await read(backup)) await removeDurably(path(backup));
    },
  };
}
