/** The frozen view of each disk, by NBD on a unix socket; and the watch that reports when it is no longer frozen. */

import { isStillframeError, messageOf, StillframeError } from '../../../model/errors.ts';
import type { ScratchConfig } from '../../config.ts';
import type { Monitor } from '../../channel/types.ts';
import type { PointExports } from '../driver.ts';
import { objects } from './identify.ts';
import type { MonitorUse } from './monitors.ts';
import { granularity, queryBitmaps } from './bitmaps.ts';
import type { PointRecord, PointRecords, RecordedDisk } from './records.ts';
import { hasPassedThreshold } from './scratch-watch.ts';
import { pinSocket } from './scratch-owner.ts';

/** States of a job while its copy-before-write is in force; QEMU pauses jobs for a moment whenever its graph changes. */
const inForce = new Set(['created', 'running', 'paused']);

export async function openExports(
  { monitor, release }: MonitorUse,
  records: Pick<PointRecords, 'write'>,
  record: PointRecord,
  scratch: ScratchConfig,
): Promise<PointExports> {
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => {});
  const jobs = new Set(record.disks.map((disk) => disk.job));
  const files = new Set(record.disks.map((disk) => disk.file));
  const stopListening = monitor.onEvent(({ name, data }) => {
    if (name === 'JOB_STATUS_CHANGE' && jobs.has(String(data.id)) && !inForce.has(String(data.status)))
      lost.reject(pointLost(record, `its job is ${String(data.status)}`));
    if (name === 'BLOCK_WRITE_THRESHOLD' && files.has(String(data['node-name']))) lost.reject(exhausted(record));
  });
  void monitor.closed.then(() => lost.reject(pointLost(record, 'the monitor is gone')));
  const close = () => {
    stopListening();
    release();
  };
  try {
    // Listening first, looking second: nothing falls between the two.
    await verifyPoint(monitor, record);
    await addExports(monitor, records, record);
    const pinned = await pinSocket(scratch, record.socket).catch((error: unknown) => {
      throw pointLost(record, messageOf(error));
    });
    return {
      disks: record.disks.map(({ name, device, bytes, interval }) => ({ name, device, bytes, interval })),
      socket: pinned.descriptor,
      reader: pinned.reader,
      lost: lost.promise,
      async close() {
        close();
        await pinned.close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

async function addExports(monitor: Monitor, records: Pick<PointRecords, 'write'>, record: PointRecord): Promise<void> {
  const present = new Set(objects(await monitor.execute('query-block-exports')).map((each) => each.id));
  for (const disk of record.disks) {
    const isPresent = present.has(disk.export);
    if (!(await mayOffer(monitor, disk, isPresent))) await readInFull(records, record, disk);
    if (isPresent) continue;
    try {
      await addExport(monitor, disk);
    } catch (error) {
      if ('full' in disk.interval || !isStillframeError(error, 'monitor-refused')) throw error;
      await readInFull(records, record, disk);
      await addExport(monitor, disk);
    }
  }
}

/** What an export offers is in the record before it is made: a later call cannot ask QEMU for it. */
async function readInFull(records: Pick<PointRecords, 'write'>, record: PointRecord, disk: RecordedDisk): Promise<void> {
  disk.interval = { full: 'foreign-bitmap' };
  await records.write(record);
}

/**
 * Whether the bitmap is the right node's, stands still, and is held by our export, or by none where there is no export yet. QEMU takes
 * any bitmap for an export, one that records too.
 */
async function mayOffer(monitor: Monitor, { node, interval }: RecordedDisk, isPresent: boolean): Promise<boolean> {
  if ('full' in interval) return true;
  const { bitmaps } = await queryBitmaps(monitor);
  const bitmap = bitmaps.find((each) => each.node === node && each.name === interval.bitmap);
  if (!bitmap || bitmap.recording || bitmap.inconsistent) return false;
  return bitmap.granularity === granularity && bitmap.busy === isPresent;
}

async function addExport(monitor: Monitor, { export: id, scratch, name, node, interval }: RecordedDisk): Promise<void> {
  const bitmaps = 'bitmap' in interval ? { bitmaps: [{ node, name: interval.bitmap }] } : {};
  await monitor.execute('block-export-add', { type: 'nbd', id, 'node-name': scratch, name, writable: false, ...bitmaps });
}

/** @throws point-in-time-lost, scratch-exhausted */
export async function verifyPoint(monitor: Monitor, record: PointRecord): Promise<void> {
  const jobs = objects(await monitor.execute('query-jobs'));
  if (await hasPassedThreshold(monitor, record)) throw exhausted(record);
  for (const disk of record.disks) {
    const job = jobs.find((each) => each.id === disk.job);
    if (!job) throw pointLost(record, 'its job is gone: QEMU was restarted, or another program ended it');
    if (!inForce.has(String(job.status)) || job.error !== undefined)
      throw pointLost(record, `its job is ${String(job.status)}${job.error ? ` (${String(job.error)})` : ''}`);
  }
}

function pointLost(record: PointRecord, why: string): StillframeError {
  return new StillframeError(
    'point-in-time-lost',
    `the point in time of backup ${record.backup} is lost: ${why}; nothing of it is kept, back the guest up again`,
    { backup: record.backup },
  );
}

function exhausted(record: PointRecord): StillframeError {
  return new StillframeError(
    'scratch-exhausted',
    `the guest overwrote more than the ${record.thresholdBytes} bytes a disk that scratch had room for, so the backup ${record.backup} was given up to keep the guest running: give scratch more room`,
    { backup: record.backup, thresholdBytes: record.thresholdBytes },
  );
}
