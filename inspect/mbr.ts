/** MBR partition tables with their chain of logical partitions, as Linux's block/partitions/msdos.c reads them. */

import type { Area } from './area.ts';
import { mostPartitions } from './partition-table.ts';
import type { Partition, PartitionTable } from './partition-table.ts';
import { isBootSectorOfFilesystem } from './signatures.ts';

const sector = 512;
const none: PartitionTable = { kind: 'none', partitions: [], problems: [] };

/** Types of an extended partition: DOS, with LBA, and Linux's own. */
const extendedTypes = new Set([0x05, 0x0f, 0x85]);
/** PReP boot: firmware's code, no filesystem. */
const bareTypes = new Set([0x41]);
const protectiveType = 0xee;

interface Entry {
  type: number;
  /** In sectors; relative to what depends on the table. */
  first: number;
  count: number;
}

/** `protective` when the table only stands in front of a GPT. */
export async function readMbr(disk: Area): Promise<PartitionTable | 'protective'> {
  if (disk.length < sector) return none;
  const head = await disk.read(0, sector);
  if (!hasMark(head) || isBootSectorOfFilesystem(head)) return none;
  const entries = entriesOf(head);
  // A boot sector without a table has code there: Linux too takes any other value of the flag as "no table".
  if (entries === null || entries.every(({ type, count }) => type === 0 || count === 0)) return none;
  if (entries.some(({ type }) => type === protectiveType)) return 'protective';

  const partitions: Partition[] = [];
  const problems: string[] = [];
  for (const [index, { type, first, count }] of entries.entries()) {
    if (type === 0 || count === 0 || extendedTypes.has(type)) continue;
    partitions.push({ number: index + 1, start: first * sector, length: count * sector, bare: bareTypes.has(type) });
  }
  const extended = entries.find(({ type, count }) => extendedTypes.has(type) && count > 0);
  if (extended !== undefined) {
    try {
      await readLogical(disk, extended, partitions);
    } catch (error) {
      problems.push(`logical partitions cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { kind: 'mbr', partitions, problems };
}

/** Each link holds one logical partition, relative to the link, and the next link, relative to the extended partition. */
async function readLogical(disk: Area, extended: Entry, into: Partition[]): Promise<void> {
  const seen = new Set<number>();
  let next: number | null = extended.first;
  let number = 5;
  while (next !== null) {
    const link = next;
    if (seen.has(link)) throw new Error(`link ${link} leads back to itself`);
    if (seen.size >= mostPartitions) throw new Error(`more than ${mostPartitions} links`);
    seen.add(link);
    const head = await disk.read(link * sector, sector);
    const entries = hasMark(head) ? entriesOf(head) : null;
    if (entries === null) throw new Error(`no table in sector ${link}`);
    next = null;
    for (const { type, first, count } of entries) {
      if (type === 0 || count === 0) continue;
      if (extendedTypes.has(type)) next ??= extended.first + first;
      else into.push({ number: number++, start: (link + first) * sector, length: count * sector, bare: bareTypes.has(type) });
    }
  }
}

function hasMark(head: Buffer): boolean {
  return head.readUInt16LE(510) === 0xaa55;
}

/** Null when a flag is neither "active" nor "inactive". */
function entriesOf(head: Buffer): Entry[] | null {
  const starts = [446, 462, 478, 494];
  if (starts.some((at) => (head[at]! & 0x7f) !== 0)) return null;
  return starts.map((at) => ({ type: head[at + 4]!, first: head.readUInt32LE(at + 8), count: head.readUInt32LE(at + 12) }));
}
