/** What a partition table says, whichever kind it is. */

/** `start` and `length` in bytes, as the table says: they may lie outside the disk. */
export interface Partition {
  /** As Linux counts: logical partitions from 5. */
  number: number;
  start: number;
  length: number;
  /** The table says that it holds boot code or nothing: unknown content in it is not a filesystem that we cannot read. */
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

/** For each partition that shares bytes with another one: the number of that one. Which of the two holds the bytes cannot be known. */
export function overlaps(partitions: readonly Partition[]): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  let last: Partition | undefined;
  for (const each of partitions.toSorted((one, other) => one.start - other.start)) {
    if (last && each.start < last.start + last.length) {
      found.set(each.number, last.number);
      if (!found.has(last.number)) found.set(last.number, each.number);
    }
    if (!last || each.start + each.length > last.start + last.length) last = each;
  }
  return found;
}
