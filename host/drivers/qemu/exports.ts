/** The frozen view of each disk, by NBD on a unix socket; and the watch that tells when it is frozen no more. */

import { join } from 'node:path';
import { isStillframeError, StillframeError } from '../../../model/errors.ts';
import type { Monitor } from '../../channel/types.ts';
import type { PointExports } from '../driver.ts';
import { objects } from './identify.ts';
import type { MonitorUse } from './monitors.ts';
import type { PointRecord } from './records.ts';

/** qemu-img reads with one connection; a second one is for whoever looks on. */
const maxConnections = 4;
/** States of a job from which the copy-before-write is over. */
const over = new Set(['waiting', 'pending', 'aborting', 'concluded', 'undefined', 'null']);

export async function openExports({ monitor, release }: MonitorUse, record: PointRecord): Promise<PointExports> {
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => {});
  const jobs = new Set(record.disks.map((disk) => disk.job));
  const files = new Set(record.disks.map((disk) => disk.file));
  monitor.onEvent(({ name, data }) => {
    if (name === 'JOB_STATUS_CHANGE' && jobs.has(String(data.id)) && over.has(String(data.status)))
      lost.reject(pointLost(record, `its job is ${String(data.status)}`));
    if (name === 'BLOCK_WRITE_THRESHOLD' && files.has(String(data['node-name']))) lost.reject(exhausted(record));
  });
  void monitor.closed.then(() => lost.reject(pointLost(record, 'the monitor is gone')));
  try {
    // Listening first, looking second: nothing falls between the two.
    await verifyPoint(monitor, record);
    const path = join(record.directory, 'nbd.sock');
    await serve(monitor, record, path);
    return {
      disks: record.disks.map(({ name, device, bytes }) => ({ name, device, bytes, uri: `nbd+unix:///${name}?socket=${path}` })),
      lost: lost.promise,
      async close() {
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

async function serve(monitor: Monitor, record: PointRecord, path: string): Promise<void> {
  const present = new Set(objects(await monitor.execute('query-block-exports')).map((each) => each.id));
  if (record.disks.every((disk) => present.has(disk.export))) return;
  try {
    await monitor.execute('nbd-server-start', { addr: { type: 'unix', data: { path } }, 'max-connections': maxConnections });
  } catch (error) {
    if (!isStillframeError(error, 'monitor-refused')) throw error;
    throw new StillframeError(
      'point-in-time-failed',
      `QEMU cannot export the point in time: ${String(error.facts.desc)}; it has one NBD server, so another backup tool may be using it`,
      error.facts,
      error,
    );
  }
  for (const disk of record.disks) {
    await monitor.execute('block-export-add', {
      type: 'nbd',
      id: disk.export,
      'node-name': disk.scratch,
      name: disk.name,
      writable: false,
    });
  }
}

/** @throws point-in-time-lost, scratch-exhausted */
export async function verifyPoint(monitor: Monitor, record: PointRecord): Promise<void> {
  const jobs = objects(await monitor.execute('query-jobs'));
  for (const disk of record.disks) {
    const job = jobs.find((each) => each.id === disk.job);
    if (job?.status !== 'running')
      throw pointLost(
        record,
        job
          ? `its job is ${String(job.status)}${job.error ? ` (${String(job.error)})` : ''}`
          : 'its job is gone: QEMU was started anew, or somebody ended it',
      );
  }
  if (record.thresholdBytes === null) return;
  const nodes = objects(await monitor.execute('query-named-block-nodes', { flat: true }));
  // QEMU sets a threshold back to 0 when it has told of it.
  if (record.disks.some((disk) => Number(nodes.find((node) => node['node-name'] === disk.file)?.write_threshold ?? 0) === 0))
    throw exhausted(record);
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
    `the guest overwrote more than the ${record.thresholdBytes} bytes a disk that scratch had room for, so the backup ${record.backup} is given up and the guest goes on unharmed: give scratch more room`,
    { backup: record.backup, thresholdBytes: record.thresholdBytes },
  );
}
