/** XFS: whether mounting it would replay anything. Fields: Linux, fs/xfs/libxfs/xfs_format.h; big endian. */

import { areaWithin, countOf } from './area.ts';
import type { Area } from './area.ts';
import type { Finding } from './finding.ts';
import { readLog } from './xfs-log.ts';

/** Fields of the superblock by their offset from the start of the filesystem. */
const field = {
  blockSize: 4,
  dataBlocks: 8,
  logStart: 48,
  groupBlocks: 84,
  logBlocks: 96,
  version: 100,
  groupBlocksLog: 124,
  inProgress: 126,
  incompat: 216,
} as const;

const needsRepair = 0x10;
/** XFS_MAX_LOG_BYTES. */
const longestLog = 2 ** 31;

export function isXfs(head: Buffer): boolean {
  return head.length >= 512 && head.toString('latin1', 0, 4) === 'XFSB';
}

/** @throws Error when a structure does not fit; the caller takes that as "not shown clean". */
export async function inspectXfs(head: Buffer, area: Area): Promise<Finding> {
  const dirty = (evidence: string): Finding => ({ type: 'xfs', result: 'dirty', evidence });
  const blockSize = head.readUInt32BE(field.blockSize);
  if (blockSize < 512 || blockSize > 65536 || (blockSize & (blockSize - 1)) !== 0) throw new Error(`block size ${blockSize}`);
  if (head[field.inProgress] !== 0) return dirty('mkfs or growfs was not finished');
  const version5 = (head.readUInt16BE(field.version) & 0xf) === 5;
  if (version5 && (head.readUInt32BE(field.incompat) & needsRepair) !== 0) return dirty('marked as in need of repair');
  const dataBlocks = countOf(head.readBigUInt64BE(field.dataBlocks));
  if (dataBlocks * blockSize > area.length) {
    return dirty(`its ${dataBlocks} blocks of ${blockSize} bytes do not fit into ${area.length} bytes`);
  }
  const logStart = head.readBigUInt64BE(field.logStart);
  if (logStart === 0n) return { type: 'xfs', result: 'not-inspected', evidence: 'external log' };

  const start = byteOfBlock(head, logStart, blockSize);
  const length = head.readUInt32BE(field.logBlocks) * blockSize;
  if (length > longestLog || length % 512 !== 0) throw new Error(`a log of ${length} bytes`);
  if (start + length > area.length) throw new Error(`a log of ${length} bytes at ${start} ends beyond ${area.length} bytes`);
  const { clean, evidence } = await readLog(areaWithin(area, start, length));
  return { type: 'xfs', result: clean ? 'clean' : 'dirty', evidence };
}

/** A block number of XFS has the allocation group in its upper bits and the block inside it in the lower. */
function byteOfBlock(head: Buffer, block: bigint, blockSize: number): number {
  const shift = head[field.groupBlocksLog]!;
  if (shift > 31) throw new Error(`allocation groups of 2^${shift} blocks`);
  const group = block >> BigInt(shift);
  const inside = block & ((1n << BigInt(shift)) - 1n);
  return countOf((group * BigInt(head.readUInt32BE(field.groupBlocks)) + inside) * BigInt(blockSize));
}
