/** What a captured disk holds and whether it needs recovery, read from its bytes alone. */

import { messageOf } from '../model/errors.ts';
import type { DiskInspection } from '../model/point/point.ts';
import { areaWithin, isZero } from './area.ts';
import type { Area } from './area.ts';
import { inspectExt, isExt } from './ext.ts';
import type { Finding } from './finding.ts';
import { readPartitions } from './partitions.ts';
import type { Partition } from './partition-table.ts';
import { headBytes, recognise } from './signatures.ts';
import { inspectXfs, isXfs } from './xfs.ts';

type Row = DiskInspection['filesystems'][number];

/**
 * Inspects a whole disk. Memory and reads are bounded whatever its bytes say, and nothing in it makes this throw: what cannot be
 * read is a row that says so, and a filesystem that is not shown clean is `dirty`.
 */
export async function inspectDisk(disk: Area): Promise<DiskInspection> {
  try {
    // The bounds are enforced here, for every area.
    return summarise(await inspectArea(areaWithin(disk, 0, disk.length)));
  } catch (error) {
    return summarise([{ where: 'whole disk', type: 'unreadable', result: 'dirty', evidence: messageOf(error) }]);
  }
}

async function inspectArea(disk: Area): Promise<Row[]> {
  const table = await readPartitions(disk);
  if (table.kind === 'none') return inspectPlace('whole disk', disk);
  const rows: Row[] = [];
  for (const partition of table.partitions) rows.push(...(await inspectPartition(disk, partition)));
  for (const problem of table.problems) {
    rows.push({ where: 'whole disk', type: table.kind, result: 'not-inspected', evidence: problem });
  }
  return rows;
}

async function inspectPartition(disk: Area, { number, start, length, bare }: Partition): Promise<Row[]> {
  const where = `partition ${number}`;
  if (start >= disk.length) {
    return [{ where, type: 'unknown', result: 'not-inspected', evidence: 'it begins beyond the end of the image' }];
  }
  const rows = await inspectPlace(where, areaWithin(disk, start, length));
  return bare ? rows.filter((row) => row.type !== 'unknown') : rows;
}

/** No row: nothing but zeros where formats have their marks, or swap, which holds nothing that a restore needs. */
async function inspectPlace(where: string, area: Area): Promise<Row[]> {
  const head = await area.read(0, Math.min(headBytes, area.length));
  const found = await recognise(head, area);
  if (found === 'swap') return [];
  if (found !== null) return [{ where, type: found.type, result: 'not-inspected', evidence: found.evidence }];
  if (isExt(head)) return [{ where, ...(await orDirty('ext4', () => inspectExt(head, area))) }];
  if (isXfs(head)) return [{ where, ...(await orDirty('xfs', () => inspectXfs(head, area))) }];
  return isZero(head) ? [] : [{ where, type: 'unknown', result: 'not-inspected', evidence: 'no known format' }];
}

/** A filesystem that we know, but whose structures do not fit, is not shown clean; leaving it at `not-inspected` would say less. */
async function orDirty(type: string, inspect: () => Promise<Finding>): Promise<Finding> {
  try {
    return await inspect();
  } catch (error) {
    return { type, result: 'dirty', evidence: `cannot be read: ${messageOf(error)}` };
  }
}

/** The worst row decides. */
function summarise(filesystems: Row[]): DiskInspection {
  const worst = (['dirty', 'not-inspected', 'clean'] as const).find((result) => filesystems.some((row) => row.result === result));
  return { result: worst ?? 'empty', filesystems };
}
