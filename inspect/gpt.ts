/** GUID partition tables (UEFI specification, chapter 5.3), from the primary header. */

import { crc32 } from 'node:zlib';

import { countOf, isZero, longestRead } from './area.ts';
import type { Area } from './area.ts';
import { mostPartitions } from './partition-table.ts';
import type { Partition, PartitionTable } from './partition-table.ts';

/** Logical sector sizes that QEMU offers to guests. */
const sectorSizes = [512, 4096];

/** Types whose partitions hold boot code or nothing: BIOS boot, PReP boot, Microsoft reserved. As they lie on disk. */
const bareTypes = new Set([
  '4861682149646f6e744e656564454649',
  '382d1a9eaa46d34e94be3a1c9a7d8e2b',
  '16e3c9e35c0bb84d817df92df00215ae',
]);

/** Called when the protective MBR is there; a header that cannot be trusted is a problem, not the absence of a table. */
export async function readGpt(disk: Area): Promise<PartitionTable> {
  const problems: string[] = [];
  for (const sector of sectorSizes) {
    if (disk.length < 2 * sector) continue;
    const header = await disk.read(sector, sector);
    if (header.toString('latin1', 0, 8) !== 'EFI PART') continue;
    try {
      return { kind: 'gpt', partitions: await readEntries(disk, header, sector), problems: [] };
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { kind: 'gpt', partitions: [], problems: problems.length > 0 ? problems : ['no header behind the protective MBR'] };
}

async function readEntries(disk: Area, header: Buffer, sector: number): Promise<Partition[]> {
  const headerSize = header.readUInt32LE(12);
  if (headerSize < 92 || headerSize > sector) throw new Error(`header size ${headerSize}`);
  const covered = Buffer.from(header.subarray(0, headerSize));
  covered.writeUInt32LE(0, 16);
  if (crc32(covered) !== header.readUInt32LE(16)) throw new Error('header checksum wrong');
  if (header.readBigUInt64LE(24) !== 1n) throw new Error('header is not the primary one');

  const count = header.readUInt32LE(80);
  const size = header.readUInt32LE(84);
  if (size < 128 || size % 8 !== 0 || count * size > longestRead) throw new Error(`${count} entries of ${size} bytes`);
  const entries = await disk.read(countOf(header.readBigUInt64LE(72)) * sector, count * size);
  if (crc32(entries) !== header.readUInt32LE(88)) throw new Error('checksum of the entries wrong');

  const partitions: Partition[] = [];
  for (let index = 0; index < count; index++) {
    const entry = entries.subarray(index * size, (index + 1) * size);
    if (isZero(entry.subarray(0, 16))) continue;
    if (partitions.length === mostPartitions) throw new Error(`more than ${mostPartitions} partitions`);
    const first = countOf(entry.readBigUInt64LE(32));
    const last = countOf(entry.readBigUInt64LE(40));
    if (last < first) throw new Error(`partition ${index + 1} ends before it begins`);
    const bare = bareTypes.has(entry.subarray(0, 16).toString('hex'));
    partitions.push({ number: index + 1, start: first * sector, length: (last - first + 1) * sector, bare });
  }
  return partitions;
}
