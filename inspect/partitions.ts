/** The partition table of a disk: GPT behind its protective MBR, MBR with logical partitions, or none. */

import type { Area } from './area.ts';
import { readGpt } from './gpt.ts';
import { readMbr } from './mbr.ts';
import type { PartitionTable } from './partition-table.ts';

/** Where a table is found, it is believed over the remains of a filesystem that once had the whole disk. */
export async function readPartitions(disk: Area): Promise<PartitionTable> {
  const mbr = await readMbr(disk);
  return mbr === 'protective' ? readGpt(disk) : mbr;
}
