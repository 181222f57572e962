/** The index of a disk: a digest for each chunk, in pages that points share. */

import { StillframeError } from '../model/errors.ts';
import { digestBytes, digestOf, zeroDigest, type Digest } from './objects.ts';

/** Digests of a page: 128 KiB, so that an incremental of a few chunks writes little, and a disk of 1 TiB has 256 pages. */
export const pageDigests = 4096;
const pageBytes = pageDigests * digestBytes;

export interface Page {
  digest: Digest;
  raw: Buffer;
}

/** `digests`: those of all chunks of a disk, one after the other. A page of zeros is not stored. */
export function pagesOf(digests: Buffer, dedup: Uint8Array): Page[] {
  const pages: Page[] = [];
  for (let at = 0; at < digests.length; at += pageBytes) {
    const raw = digests.subarray(at, at + pageBytes);
    const isZero = raw.every((byte) => byte === 0);
    pages.push({ raw, digest: isZero ? zeroDigest : digestOf(raw, dedup) });
  }
  return pages;
}

export function chunkCount(bytes: number, chunkBytes: number): number {
  return Math.ceil(bytes / chunkBytes);
}

/** The digests of a disk of `chunks` chunks, from its pages; null stands for a page of zeros. @throws chunk-damaged */
export function digestsOf(pages: readonly (Buffer | null)[], chunks: number): Buffer {
  const digests = Buffer.alloc(chunks * digestBytes);
  if (pages.length !== Math.ceil(digests.length / pageBytes)) throw wrong();
  for (const [index, page] of pages.entries()) {
    const at = index * pageBytes;
    if (page === null) continue;
    if (page.length !== Math.min(pageBytes, digests.length - at)) throw wrong();
    page.copy(digests, at);
  }
  return digests;
}

function wrong(): StillframeError {
  return new StillframeError(
    'chunk-damaged',
    'the index of a disk does not have the size of the disk: run "stillframe repository check"',
    {},
  );
}
