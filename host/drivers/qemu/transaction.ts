/** The point in time itself: one transaction, while the guest is frozen. */

import type { Log } from '../../../lib/log.ts';
import { isStillframeError, messageOf, StillframeError } from '../../../model/errors.ts';
import type { JsonObject } from '../../../protocol/json.ts';
import type { Monitor } from '../../channel/types.ts';
import type { PointRecord } from './records.ts';

interface Prepared {
  options: Record<string, string>;
  /** Actions that end the intervals of the disks and begin the next ones. */
  rotation: JsonObject[];
  log: Log;
}

/**
 * All jobs start, and all intervals end, at one instant; or nothing happens. Another program may have taken or removed a bitmap since it was looked at:
 * that costs the interval, and never the point in time. @throws point-in-time-failed
 */
export async function takePoint(monitor: Monitor, record: PointRecord, { options, rotation, log }: Prepared): Promise<void> {
  const jobs = record.disks.map((disk) => ({
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
  const take = (actions: JsonObject[]) => monitor.execute('transaction', { actions });
  try {
    try {
      await take([...rotation, ...jobs]);
    } catch (error) {
      if (rotation.length === 0 || !isStillframeError(error, 'monitor-refused')) throw error;
      await take(jobs);
      log('warn', `all of the disks is read for this backup, since QEMU refused to end their intervals: ${messageOf(error)}`, {
        backup: record.backup,
      });
    }
  } catch (error) {
    throw new StillframeError(
      'point-in-time-failed',
      `QEMU could not take the point in time: ${isStillframeError(error, 'monitor-refused') ? String(error.facts.desc) : messageOf(error)}`,
      { backup: record.backup },
      error,
    );
  }
}
