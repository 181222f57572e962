/** Chance that comes again: the same seed gives the same choices on every machine. */

export interface Random {
  /** A whole number from 0, below `limit`. */
  below(limit: number): number;
  /** Whether one in `n` has come up. */
  oneIn(n: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** mulberry32: 32 bits of state, which suffices for choices that need not be secret. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  const below = (limit: number) => Math.floor((next() / 2 ** 32) * limit);
  return { below, oneIn: (n) => below(n) === 0, pick: (from) => from[below(from.length)]! };
}
