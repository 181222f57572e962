/** Images that lend each new interval its last bit, by which it is seen later that the disk was not cut shorter in between. */

import { join } from 'node:path';
import { messageOf } from '../../../model/errors.ts';
import { objectStem } from '../../../model/ids.ts';
import type { ScratchConfig } from '../../config.ts';
import type { Monitor } from '../../channel/types.ts';
import { granularity, sentinelBitmap } from './bitmaps.ts';
import type { IntervalDisk } from './interval-rules.ts';
import type { PointRecord } from './records.ts';
import { unwritable } from './scratch.ts';
import { runAsOwner } from './scratch-owner.ts';

/** Nodes and files have names of the backup, and end with it. @throws scratch-unwritable */
export async function addSentinels(monitor: Monitor, scratch: ScratchConfig, record: PointRecord): Promise<IntervalDisk[]> {
  const marked: IntervalDisk[] = [];
  for (const [index, disk] of record.disks.entries()) {
    const sentinel = `${objectStem(record.backup)}.s${index}`;
    await addSentinel(monitor, scratch, join(record.directory, `${disk.name}.sentinel.qcow2`), { ...disk, sentinel });
    marked.push({ ...disk, sentinel });
  }
  return marked;
}

/** An image of the same size that holds nothing, and a bitmap of which only the last bit is set: QEMU sets bits by writes alone. */
export async function addSentinel(
  monitor: Monitor,
  scratch: ScratchConfig,
  filename: string,
  { bytes, sentinel }: IntervalDisk,
): Promise<void> {
  try {
    await runAsOwner(scratch, ['qemu-img', 'create', '-q', '-f', 'qcow2', filename, String(bytes)]);
    await runAsOwner(scratch, ['qemu-img', 'bitmap', '--add', '-g', String(granularity), filename, sentinelBitmap]);
    await runAsOwner(scratch, ['qemu-io', '-f', 'qcow2', '-c', `write -z ${bytes - 512} 512`, filename]);
  } catch (error) {
    throw unwritable(scratch.path, messageOf(error), error);
  }
  const file = { driver: 'file', filename };
  await monitor.execute('blockdev-add', { driver: 'qcow2', 'node-name': sentinel, 'read-only': true, file });
}
