/** The log of an XFS: which records lie between its tail and its head. Linux, fs/xfs/libxfs/xfs_log_format.h; big endian. */

import { isZero, longestRead } from './area.ts';
import type { Area } from './area.ts';
import { walkOperations } from './xfs-operations.ts';

/** The log is counted in basic blocks of 512 bytes, whatever the sectors of the disk. */
const block = 512;
const recordMagic = 0xfeedbabe;
/** XLOG_MAX_RECORD_BSIZE. */
const longestRecord = 256 * 1024;
/** What one header block covers: 64 words of cycle data for 64 blocks. */
const bytesPerHeader = 32 * 1024;
/**
 * A covered log holds the two records that the kernel writes to cover it (fs/xfs/xfs_log.c, xlog_covered_state); a log with more
 * than this many from tail to head is in use, and a hostile one could name millions.
 */
const mostCoveringRecords = 16;

/** The place of a record: `lsn` is its cycle in the upper and its block in the log in the lower 32 bits. */
interface RecordHeader {
  lsn: bigint;
  tail: bigint;
  at: number;
  headerBlocks: number;
  length: number;
  operations: number;
  bytes: Buffer;
}

/**
 * Clean: the last record is an unmount record, or the log is covered: all that a replay would write is the superblock. A freeze
 * leaves a covered log since Linux 5.12 and no unmount record.
 */
export async function readLog(log: Area): Promise<{ clean: boolean; evidence: string }> {
  const last = await lastRecord(log);
  if (last === null) return { clean: false, evidence: 'no record in the log' };
  let records = 0;
  for (let lsn = last.tail; ;) {
    const record: RecordHeader | null = lsn === last.lsn ? last : await recordAt(log, lsn);
    if (record === null) return { clean: false, evidence: `log dirty, no record at ${place(lsn)} between tail and head` };
    records++;
    const found = walkOperations(await recordData(log, record), record.operations);
    if (found.other !== null) return { clean: false, evidence: `log dirty, ${found.other} in the record at ${place(lsn)}` };
    if (record === last) {
      const unmounted = found.unmount && record.operations === 1;
      return {
        clean: true,
        evidence: unmounted ? 'unmount record' : `log covered, ${records} record${records === 1 ? '' : 's'}`,
      };
    }
    if (records === mostCoveringRecords) return { clean: false, evidence: `log dirty, more than ${records} records` };
    lsn = lsnAfter(record, log.length / block);
  }
}

/** The record with the highest lsn. A record names its own place, so a copy elsewhere is not taken for one. */
async function lastRecord(log: Area): Promise<RecordHeader | null> {
  let last: { at: number; lsn: bigint } | null = null;
  const buffer = Buffer.allocUnsafe(longestRead);
  for (let offset = 0; offset < log.length; offset += longestRead) {
    const chunk = await log.read(offset, Math.min(longestRead, log.length - offset), buffer);
    if (isZero(chunk)) continue;
    for (let within = 0; within < chunk.length; within += block) {
      if (chunk.readUInt32BE(within) !== recordMagic) continue;
      const at = (offset + within) / block;
      const lsn = chunk.readBigUInt64BE(within + 16);
      if (isPlace(lsn, chunk.readUInt32BE(within + 4), at) && (last === null || lsn > last.lsn)) last = { at, lsn };
    }
  }
  return last === null ? null : recordAt(log, last.lsn);
}

/** Null when there is no record with that lsn. @throws Error when there is one that does not fit. */
async function recordAt(log: Area, lsn: bigint): Promise<RecordHeader | null> {
  const at = Number(lsn & 0xffffffffn);
  const blocks = log.length / block;
  if (at >= blocks) return null;
  const bytes = await log.read(at * block, block);
  if (bytes.readUInt32BE(0) !== recordMagic || bytes.readBigUInt64BE(16) !== lsn) return null;
  if (!isPlace(lsn, bytes.readUInt32BE(4), at)) return null;

  const version = bytes.readUInt32BE(8);
  if (version !== 1 && version !== 2) throw new Error(`log version ${version}`);
  const length = bytes.readUInt32BE(12);
  const size = version === 2 ? bytes.readUInt32BE(320) : bytesPerHeader;
  if (size > longestRecord || length === 0 || length > Math.max(size, bytesPerHeader)) {
    throw new Error(`a log record of ${length} bytes in a buffer of ${size}`);
  }
  const headerBlocks = Math.max(1, Math.ceil(size / bytesPerHeader));
  const tail = bytes.readBigUInt64BE(24);
  if (tail > lsn) throw new Error(`a log record at ${place(lsn)} with its tail at ${place(tail)}`);
  if (headerBlocks + Math.ceil(length / block) > blocks) throw new Error(`a log record of ${length} bytes, longer than the log`);
  return { lsn, tail, at, headerBlocks, length, operations: bytes.readUInt32BE(40), bytes };
}

/** The data of a record, with the words that were displaced by the cycle number at the start of each block put back. */
async function recordData(log: Area, record: RecordHeader): Promise<Buffer> {
  const extensions = await readRound(log, record.at + 1, record.headerBlocks - 1);
  const data = await readRound(log, record.at + record.headerBlocks, Math.ceil(record.length / block));
  for (let index = 0; index * block < data.length; index++) {
    const [from, base] = index < 64 ? [record.bytes, 44] : [extensions, (Math.floor(index / 64) - 1) * block + 4];
    from.copy(data, index * block, base + (index % 64) * 4, base + (index % 64) * 4 + 4);
  }
  return data.subarray(0, record.length);
}

/** A record may continue at the start of the log. */
async function readRound(log: Area, at: number, count: number): Promise<Buffer> {
  const blocks = log.length / block;
  const first = at % blocks;
  const here = Math.min(count, blocks - first);
  const head = await log.read(first * block, here * block);
  return here === count ? head : Buffer.concat([head, await log.read(0, (count - here) * block)]);
}

/** Records follow each other without a gap; the cycle goes up where the log begins again. */
function lsnAfter({ lsn, at, headerBlocks, length }: RecordHeader, blocks: number): bigint {
  const next = at + headerBlocks + Math.ceil(length / block);
  const cycle = (lsn >> 32n) + (next >= blocks ? 1n : 0n);
  return (cycle << 32n) | BigInt(next % blocks);
}

function isPlace(lsn: bigint, cycle: number, at: number): boolean {
  return lsn === ((BigInt(cycle) << 32n) | BigInt(at));
}

function place(lsn: bigint): string {
  return `${lsn >> 32n}:${lsn & 0xffffffffn}`;
}
