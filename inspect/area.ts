/** Bounded reading of an image: a stretch of bytes with untrusted contents. The code that opens files makes the first area. */

/** Filesystem, partition or whole disk inside an image. Offsets and lengths in bytes. */
export interface Area {
  readonly length: number;
  /**
   * Exactly `length` bytes from `offset`, in a buffer of their own or at the front of `into`.
   * @throws Error with a sentence fit for a row of evidence when they do not lie inside the area.
   */
  read(offset: number, length: number, into?: Buffer): Promise<Buffer>;
}

/** No structure that is read here is larger; a length found on disk never makes us allocate more. */
export const longestRead = 1024 * 1024;
const zeros = Buffer.alloc(longestRead);

/** The part of `area` from `start`, cut off where `area` ends. */
export function areaWithin(area: Area, start: number, length: number): Area {
  const inside = Math.min(length, area.length - start);
  return {
    length: inside,
    async read(offset, size, into) {
      demandInside(offset, size, inside);
      return area.read(start + offset, size, into);
    },
  };
}

/** A 64-bit number found on disk, as a number that arithmetic can trust. */
export function countOf(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`the number ${value} is beyond any disk`);
  return Number(value);
}

/** At most `longestRead` bytes. */
export function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}

function demandInside(offset: number, length: number, size: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > size) {
    throw new Error(`bytes ${offset} to ${offset + length} lie outside its ${size} bytes`);
  }
  if (length > longestRead) throw new Error(`a structure of ${length} bytes is beyond what is read at once`);
}

/** More was asked of an area than its inspection may read. */
export class OverBudget extends Error {
  override readonly name = 'OverBudget';
}

/** The same bytes, of which at most `budget` are read in all. @throws OverBudget */
export function areaWithBudget(area: Area, budget: number): Area {
  let left = budget;
  return {
    length: area.length,
    async read(offset, size, into) {
      left -= size;
      if (left < 0) throw new OverBudget(`not read: the inspection of this disk had read ${budget} bytes already`);
      return area.read(offset, size, into);
    },
  };
}
