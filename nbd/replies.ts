/** Receives the replies of an NBD server, in any order, each into the request that it belongs to. */

import { StillframeError } from '../model/errors.ts';
import { chunkTypes, mostExtents, type NbdErrorName } from '../protocol/nbd/numbers.ts';
import {
  chunkLengthBytes,
  chunkOffsetBytes,
  decodeBlockStatus,
  decodeChunkLength,
  decodeChunkOffset,
  decodeErrorChunk,
  decodeHole,
  decodeReplyHead,
  errorName,
  holeBytes,
  isErrorChunk,
  replyHeadBytes,
  type ReplyHead,
  type StatusExtent,
} from '../protocol/nbd/transmission.ts';
import { createCoverage, type Coverage } from './coverage.ts';
import type { NbdLink } from './link.ts';

/** A request that is out. */
export interface Waiting {
  readonly offset: number;
  readonly length: number;
  /** Of a read: where the bytes go, `length` of them; null for a request of block status. */
  readonly into: Uint8Array | null;
  readonly covered: Coverage;
  /** Of block status: extents by the id of their context. */
  readonly statuses: Map<number, StatusExtent[]>;
  readonly done: PromiseWithResolvers<void>;
  error?: StillframeError;
}

export function createWaiting(offset: number, length: number, into: Uint8Array | null): Waiting {
  const covered = createCoverage();
  return { offset, length, into, covered, statuses: new Map(), done: Promise.withResolvers<void>() };
}

/** QEMU's texts are far shorter; a type of error that we do not know may have more fields. */
const mostErrorBytes = 16 * 2 ** 10;

/** Runs until the link fails. @throws nbd-garbled, or the error of the link */
export async function receiveReplies(link: NbdLink, waiting: Map<bigint, Waiting>, contexts: ReadonlyMap<number, string>) {
  const headBytes = new Uint8Array(replyHeadBytes);
  const lengthBytes = new Uint8Array(chunkLengthBytes);
  for (;;) {
    await link.fill(headBytes);
    const head = decodeReplyHead(headBytes);
    if (head === undefined) throw link.garbled('bytes that are no reply');
    const request = waiting.get(head.cookie);
    if (request === undefined) throw link.garbled('a reply to no request');
    let done = true;
    if (head.kind === 'simple') {
      // Also with structured replies: QEMU sends it for what has no payload. A read never ends with one unless it failed.
      if (head.error === 0) throw link.garbled('a reply without the data that was asked for');
      request.error ??= requestError(link, head.error, '');
    } else {
      await link.fill(lengthBytes);
      await receiveChunk(link, request, head, decodeChunkLength(lengthBytes), contexts);
      done = head.done;
    }
    if (!done) continue;
    if (request.error === undefined && !isWhole(request, contexts)) throw link.garbled('a reply that ended too early');
    waiting.delete(head.cookie);
    if (request.error === undefined) request.done.resolve();
    else request.done.reject(request.error);
  }
}

type ChunkHead = Extract<ReplyHead, { kind: 'chunk' }>;

async function receiveChunk(
  link: NbdLink,
  request: Waiting,
  head: ChunkHead,
  length: number,
  contexts: ReadonlyMap<number, string>,
): Promise<void> {
  const { type } = head;
  if (type === chunkTypes.none && length === 0 && head.done) return;
  if (isErrorChunk(type)) {
    const error = decodeErrorChunk(await payload(link, length, mostErrorBytes));
    if (error === undefined) throw link.garbled('an error that cannot be read');
    request.error ??= requestError(link, error.error, error.message);
    return;
  }
  if (request.into !== null && type === chunkTypes.offsetData && length > chunkOffsetBytes) {
    const offset = decodeChunkOffset(await payload(link, chunkOffsetBytes, chunkOffsetBytes));
    await link.fill(placeOf(link, request, request.into, offset, length - chunkOffsetBytes));
    return;
  }
  if (request.into !== null && type === chunkTypes.offsetHole) {
    const hole = decodeHole(await payload(link, length, holeBytes));
    if (hole === undefined) throw link.garbled('a hole that cannot be read');
    placeOf(link, request, request.into, hole.offset, hole.length).fill(0);
    return;
  }
  if (request.into === null && type === chunkTypes.blockStatus) {
    const status = decodeBlockStatus(await payload(link, length, 4 + 8 * mostExtents));
    if (status === undefined || !contexts.has(status.context) || request.statuses.has(status.context))
      throw link.garbled('a block status that cannot be read, or of a context that was not asked for, or twice');
    const beforeLast = status.extents.reduce((sum, each) => sum + each.length, 0) - status.extents.at(-1)!.length;
    if (beforeLast >= request.length) throw link.garbled('a block status that begins behind its request');
    request.statuses.set(status.context, status.extents);
    return;
  }
  throw link.garbled(`a chunk of type ${type} and ${length} bytes where none belongs`);
}

/** The part of `into` that a chunk fills. */
function placeOf(link: NbdLink, request: Waiting, into: Uint8Array, offset: bigint, length: number): Uint8Array {
  const start = Number(offset - BigInt(request.offset));
  const inside = start >= 0 && start + length <= request.length;
  if (!inside || !request.covered.add(start, start + length)) throw link.garbled('data that lies outside its request, or twice');
  return into.subarray(start, start + length);
}

function isWhole({ into, covered, length, statuses }: Waiting, contexts: ReadonlyMap<number, string>): boolean {
  return into === null ? statuses.size === contexts.size : covered.bytes === length;
}

async function payload(link: NbdLink, length: number, most: number): Promise<Uint8Array> {
  if (length > most) throw link.garbled(`a chunk of ${length} bytes where at most ${most} belong`);
  const bytes = new Uint8Array(length);
  await link.fill(bytes);
  return bytes;
}

function requestError(link: NbdLink, error: number, said: string): StillframeError {
  const name = errorName(error);
  return new StillframeError(
    'nbd-request-failed',
    `the NBD server ${link.place} ${meanings[name]} (${name}${said === '' ? '' : `: ${said}`})`,
    { place: link.place, error: name },
  );
}

const meanings: Record<NbdErrorName, string> = {
  EPERM: 'does not allow the request; see whether the export is read-only',
  EIO: 'could not read its disk; see the log of the server and the health of the disk',
  ENOMEM: 'has no memory for the request; try again later',
  EINVAL: 'does not accept the request; see that its version knows what the request needs',
  ENOSPC: 'has no room left; free some on its storage',
  EOVERFLOW: 'found the request too large; ask for less at once',
  ENOTSUP: 'does not support the request; see its version',
  ESHUTDOWN: 'is shutting down; connect again when it runs',
};
