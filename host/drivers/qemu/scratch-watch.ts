/** Gives a point in time up before its scratch is full, and lets a guest run on that a full one has stopped: below QEMU 10.1 it fails the guest's writes. */

import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../../model/errors.ts';
import type { Log } from '../../../lib/log.ts';
import type { Monitor } from '../../channel/types.ts';
import { objects, queryState } from './identify.ts';
import type { MonitorUse } from './monitors.ts';
import type { PointRecord } from './records.ts';

/** A cancelled job of this kind ends as soon as the request that it holds; a hung disk may keep it. */
const endMs = 10_000;
const lookMs = 50;

/**
 * Cancels the jobs as soon as QEMU says that a scratch file is past its threshold: what the guest writes until then must fit
 * the margin, so it acts without asking first. A threshold that was passed while nobody watched counts the same. Keeps the monitor's connection
 * until the returned function is called.
 */
export function watchScratch({ monitor, release }: MonitorUse, record: PointRecord, log: Log): () => void {
  const files = new Set(record.disks.map((disk) => disk.file));
  let isGivenUp = false;
  const giveUp = () => {
    if (isGivenUp) return;
    isGivenUp = true;
    giveUpPoint(monitor, record, log).catch((error: unknown) => {
      isGivenUp = false;
      log('error', `a point in time whose scratch runs full could not be given up: ${messageOf(error)}`, {
        backup: record.backup,
      });
    });
  };
  const stopListening = monitor.onEvent(({ name, data }) => {
    if (name === 'BLOCK_WRITE_THRESHOLD' && files.has(String(data['node-name']))) giveUp();
  });
  // Listening first, looking second: nothing falls between the two.
  hasPassedThreshold(monitor, record).then(
    (passed) => passed && giveUp(),
    () => {
      /* The monitor is gone, and whoever uses it next says so. */
    },
  );
  return () => {
    stopListening();
    release();
  };
}

/** QEMU sets a threshold back to 0 when it has reported it. */
export async function hasPassedThreshold(monitor: Monitor, { thresholdBytes, disks }: PointRecord): Promise<boolean> {
  if (thresholdBytes === null) return false;
  const nodes = objects(await monitor.execute('query-named-block-nodes', { flat: true }));
  return disks.some(({ file }) => nodes.some((node) => node['node-name'] === file && Number(node.write_threshold) === 0));
}

async function giveUpPoint(monitor: Monitor, { backup, disks }: PointRecord, log: Log): Promise<void> {
  log('warn', 'scratch is past its threshold: the point in time is given up so that the guest keeps running', { backup });
  const jobs = new Set(disks.map(({ job }) => job));
  const isRunning = ({ id, status }: Record<string, unknown>) => jobs.has(String(id)) && status !== 'concluded';
  for (let waitedMs = 0; ; waitedMs += lookMs) {
    const running = objects(await monitor.execute('query-jobs')).filter(isRunning);
    if (running.length === 0) break;
    if (waitedMs > endMs) throw new Error(`one of our jobs does not end within ${endMs / 1_000} s`);
    // One that is ending already refuses.
    if (waitedMs === 0) await Promise.allSettled(running.map(({ id }) => monitor.execute('job-cancel', { id: id! })));
    await delay(lookMs);
  }
  // QEMU stops a guest whose write fails for want of room (werror=enospc, the default of its disks). Our scratch was at its end, and is out of the way
  // now: the write is tried again. A guest that its own disk has stopped is stopped again by that.
  if ((await queryState(monitor)) !== 'io-error') return;
  await monitor.execute('cont');
  log('error', 'the guest was stopped, since scratch was full while nobody watched it; it runs again', { backup });
}
