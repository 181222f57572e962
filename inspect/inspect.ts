/** What a captured disk holds and whether it needs recovery, read from its bytes alone. */

import { messageOf } from '../model/errors.ts';
import type { DiskInspection } from '../model/point/point.ts';
import { areaWithBudget, areaWithin, isZero, OverBudget } from './area.ts';
import type { Area } from './area.ts';
import { inspectExt, isExt } from './ext.ts';
import type { Finding } from './finding.ts';
import { readPartitions } from './partitions.ts';
import { overlaps, type Partition } from './partition-table.ts';
import { headBytes, recognise } from './signatures.ts';
import { inspectXfs, isXfs } from './xfs.ts';

type Row = DiskInspection['filesystems'][number];

/** The logs of two XFS at their largest (2 GiB): a guest chooses what a disk says, and other guests wait for the copy. */
const mostBytesRead = 4 * 2 ** 30;

/** Rows of one disk and characters of one row that go into a manifest. */
const mostRows = 64;
const longestEvidence = 200;

/**
 * Inspects a whole disk. Memory and reads are bounded whatever its bytes say, and nothing in it makes this throw: what cannot be
 * read is a row that says so, and a filesystem that is not shown clean is `dirty`.
 */
export async function inspectDisk(disk: Area, mostBytes = mostBytesRead): Promise<DiskInspection> {
  try {
    // The bounds are enforced here, for every area.
    return summarise(await inspectArea(areaWithBudget(areaWithin(disk, 0, disk.length), mostBytes)));
  } catch (error) {
    return summarise([{ where: 'whole disk', type: 'unreadable', result: 'dirty', evidence: messageOf(error) }]);
  }
}

async function inspectArea(disk: Area): Promise<Row[]> {
  const table = await readPartitions(disk);
  if (table.kind === 'none') return inspectPlace('whole disk', disk);
  const rows: Row[] = [];
  const overlapping = overlaps(table.partitions);
  for (const partition of table.partitions) {
    const other = overlapping.get(partition.number);
    rows.push(...(other === undefined ? await inspectPartition(disk, partition) : [overlap(partition, other)]));
  }
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

function overlap({ number }: Partition, other: number): Row {
  const evidence = `it overlaps partition ${other}`;
  return { where: `partition ${number}`, type: 'unknown', result: 'not-inspected', evidence };
}

async function inspectPlace(where: string, area: Area): Promise<Row[]> {
  try {
    return await inspectContent(where, area);
  } catch (error) {
    if (!(error instanceof OverBudget)) throw error;
    return [{ where, type: 'unknown', result: 'not-inspected', evidence: error.message }];
  }
}

/** No row: nothing but zeros where formats have their marks, or swap, which holds nothing that a restore needs. */
async function inspectContent(where: string, area: Area): Promise<Row[]> {
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
    if (error instanceof OverBudget) throw error;
    return { type, result: 'dirty', evidence: `cannot be read: ${messageOf(error)}` };
  }
}

/** The worst row decides. */
function summarise(rows: Row[]): DiskInspection {
  return { result: worstOf(rows) ?? 'empty', filesystems: cutRows(rows) };
}

function worstOf(rows: readonly Row[]): Row['result'] | undefined {
  return (['dirty', 'not-inspected', 'clean'] as const).find((result) => rows.some((row) => row.result === result));
}

/** A guest can make hundreds of partitions: the rows beyond are one row, which is as bad as the worst of them. */
function cutRows(rows: Row[]): Row[] {
  const kept = rows.slice(0, mostRows).map((row) => ({ ...row, evidence: row.evidence.slice(0, longestEvidence) }));
  const rest = rows.slice(mostRows);
  const result = worstOf(rest);
  if (result) kept.push({ where: 'whole disk', type: 'unknown', result, evidence: `${rest.length} more places, not listed` });
  return kept;
}
