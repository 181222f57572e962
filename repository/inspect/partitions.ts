/** The partition table of a disk: GPT behind its protective MBR, MBR with logical partitions, or none. */

import type { Area } from './area.ts';
import { readGpt } from './gpt.ts';
import { readMbr } from './mbr.ts';

/** `start` and `length` in bytes, as the table says: they may lie outside the disk. */
export interface Partition {
  /** As Linux counts: logical partitions from 5. */
  number: number;
  start: number;
  length: number;
  /** The table says that boot code or nothing lies in it: unknown content is no filesystem that we failed to see. */
  bare: boolean;
}

export interface PartitionTable {
  kind: 'gpt' | 'mbr' | 'none';
  partitions: Partition[];
  /** What of the table cannot be read. */
  problems: string[];
}

/** More than any tool makes (GPT has 128 entries); beyond it a table is not believed. */
export const mostPartitions = 256;

/** Where a table is found, it is believed over the remains of a filesystem that once had the whole disk. */
export async function readPartitions(disk: Area): Promise<PartitionTable> {
  const mbr = await readMbr(disk);
  return mbr === 'protective' ? readGpt(disk) : mbr;
}
