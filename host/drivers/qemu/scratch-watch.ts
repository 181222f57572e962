/** Gives a point in time up before its scratch is full: below QEMU 10.1 a full scratch fails the guest's own writes. */

import { messageOf } from '../../../model/errors.ts';
import type { Log } from '../../../lib/log.ts';
import type { MonitorUse } from './monitors.ts';
import type { PointRecord } from './records.ts';

/**
 * Cancels the jobs as soon as QEMU says that a scratch file is past its threshold: what the guest writes until then must fit
 * the margin, so it acts without asking first. Keeps the monitor's connection until the returned function is called.
 */
export function watchScratch({ monitor, release }: MonitorUse, record: PointRecord, log: Log): () => void {
  const files = new Set(record.disks.map((disk) => disk.file));
  const stopListening = monitor.onEvent(({ name, data }) => {
    if (name !== 'BLOCK_WRITE_THRESHOLD' || !files.has(String(data['node-name']))) return;
    log('warn', 'scratch is past its threshold: the point in time is given up so that the guest keeps running', {
      backup: record.backup,
    });
    for (const { job } of record.disks) {
      monitor.execute('job-cancel', { id: job }).catch((error: unknown) => {
        log('warn', `could not cancel one of our jobs: ${messageOf(error)}`, { backup: record.backup, job });
      });
    }
  });
  return () => {
    stopListening();
    release();
  };
}
