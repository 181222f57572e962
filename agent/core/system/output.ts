/** Collects what a process writes to one stream, up to a limit; the rest is read and dropped, so that the process continues. */

import { joinBytes } from './join-bytes.ts';

export interface Output {
  push(bytes: Uint8Array): void;
  length(): number;
  /** Whether bytes were dropped. */
  isTruncated(): boolean;
  join(): Uint8Array;
}

/** qemu-ga's limit for one stream. */
export const mostOutputBytes = 16 * 2 ** 20;

/** A process that writes byte by byte must not cost an object for each: smaller pieces are collected in blocks of this size. */
const blockBytes = 4096;

export function createOutput(): Output {
  const pieces: Uint8Array[] = [];
  let block: Uint8Array | undefined;
  let filled = 0;
  let length = 0;
  let truncated = false;

  function endBlock(): void {
    if (block) pieces.push(block.subarray(0, filled));
    block = undefined;
    filled = 0;
  }

  function gather(bytes: Uint8Array): void {
    if (filled + bytes.length > blockBytes) endBlock();
    block ??= new Uint8Array(blockBytes);
    block.set(bytes, filled);
    filled += bytes.length;
  }

  return {
    push(bytes) {
      const kept = bytes.subarray(0, mostOutputBytes - length);
      if (kept.length < bytes.length) truncated = true;
      length += kept.length;
      if (kept.length < blockBytes) return gather(kept);
      endBlock();
      pieces.push(kept);
    },
    length: () => length,
    isTruncated: () => truncated,
    join() {
      endBlock();
      return joinBytes(pieces);
    },
  };
}
