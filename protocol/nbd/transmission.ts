/** The transmission phase of NBD, both sides: requests, simple replies and the chunks of structured replies. */

import { room, text, viewOf } from './handshake.ts';
import { chunkErrorBit, chunkTypes, doneFlag, errors, magics, type NbdErrorName } from './numbers.ts';

export const requestBytes = 28;
/** A simple reply is whole then; of a chunk's head, `chunkLengthBytes` are still to come. */
export const replyHeadBytes = 16;
export const chunkLengthBytes = 4;
/** In front of the data of a chunk that has data. */
export const chunkOffsetBytes = 8;
export const holeBytes = 12;

/** The cookie is the client's, and comes back in every reply to the request. */
export interface NbdRequest {
  flags: number;
  command: number;
  cookie: bigint;
  offset: bigint;
  length: number;
}

export function encodeRequest({ flags, command, cookie, offset, length }: NbdRequest): Uint8Array {
  const { bytes, view } = room(requestBytes);
  view.setUint32(0, magics.request);
  view.setUint16(4, flags);
  view.setUint16(6, command);
  view.setBigUint64(8, cookie);
  view.setBigUint64(16, offset);
  view.setUint32(24, length);
  return bytes;
}

export function decodeRequest(bytes: Uint8Array): NbdRequest | undefined {
  const view = viewOf(bytes);
  if (view.getUint32(0) !== magics.request) return undefined;
  return {
    flags: view.getUint16(4),
    command: view.getUint16(6),
    cookie: view.getBigUint64(8),
    offset: view.getBigUint64(16),
    length: view.getUint32(24),
  };
}

export type ReplyHead =
  { kind: 'simple'; error: number; cookie: bigint } | { kind: 'chunk'; done: boolean; type: number; cookie: bigint };

export function encodeSimpleReply(cookie: bigint, error: number): Uint8Array {
  const { bytes, view } = room(replyHeadBytes);
  view.setUint32(0, magics.simpleReply);
  view.setUint32(4, error);
  view.setBigUint64(8, cookie);
  return bytes;
}

/** The head of a chunk, with the length of what follows it. */
export function encodeChunkHead(cookie: bigint, type: number, length: number, done: boolean): Uint8Array {
  const { bytes, view } = room(replyHeadBytes + chunkLengthBytes);
  view.setUint32(0, magics.structuredReply);
  view.setUint16(4, done ? doneFlag : 0);
  view.setUint16(6, type);
  view.setBigUint64(8, cookie);
  view.setUint32(16, length);
  return bytes;
}

export function decodeReplyHead(bytes: Uint8Array): ReplyHead | undefined {
  const view = viewOf(bytes);
  const magic = view.getUint32(0);
  const cookie = view.getBigUint64(8);
  if (magic === magics.simpleReply) return { kind: 'simple', error: view.getUint32(4), cookie };
  if (magic !== magics.structuredReply) return undefined;
  return { kind: 'chunk', done: (view.getUint16(4) & doneFlag) !== 0, type: view.getUint16(6), cookie };
}

export function decodeChunkLength(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(0);
}

/** The head of a chunk of data, and the offset that stands before the data. */
export function encodeDataHead(cookie: bigint, offset: bigint, length: number, done: boolean): Uint8Array {
  const { bytes, view } = room(replyHeadBytes + chunkLengthBytes + chunkOffsetBytes);
  bytes.set(encodeChunkHead(cookie, chunkTypes.offsetData, chunkOffsetBytes + length, done));
  view.setBigUint64(replyHeadBytes + chunkLengthBytes, offset);
  return bytes;
}

export function decodeChunkOffset(bytes: Uint8Array): bigint {
  return viewOf(bytes).getBigUint64(0);
}

/** A whole chunk that says: these bytes are zeros. */
export function encodeHole(cookie: bigint, offset: bigint, length: number, done: boolean): Uint8Array {
  const payload = room(holeBytes);
  payload.view.setBigUint64(0, offset);
  payload.view.setUint32(8, length);
  return chunk(cookie, chunkTypes.offsetHole, payload.bytes, done);
}

export function decodeHole(payload: Uint8Array): { offset: bigint; length: number } | undefined {
  if (payload.length !== holeBytes) return undefined;
  const view = viewOf(payload);
  const length = view.getUint32(8);
  return length === 0 ? undefined : { offset: view.getBigUint64(0), length };
}

/** Part of the export with one status in one context; it follows the one before it. */
export interface StatusExtent {
  length: number;
  flags: number;
}

/** A whole chunk with the status of one context. */
export function encodeBlockStatus(cookie: bigint, context: number, extents: readonly StatusExtent[], done: boolean): Uint8Array {
  const { bytes, view } = room(4 + 8 * extents.length);
  view.setUint32(0, context);
  for (const [index, { length, flags }] of extents.entries()) {
    view.setUint32(4 + 8 * index, length);
    view.setUint32(8 + 8 * index, flags);
  }
  return chunk(cookie, chunkTypes.blockStatus, bytes, done);
}

/** Undefined unless it has at least one extent and none of them is empty. */
export function decodeBlockStatus(payload: Uint8Array): { context: number; extents: StatusExtent[] } | undefined {
  if (payload.length < 12 || payload.length % 8 !== 4) return undefined;
  const view = viewOf(payload);
  const extents: StatusExtent[] = [];
  for (let at = 4; at < payload.length; at += 8) {
    const length = view.getUint32(at);
    if (length === 0) return undefined;
    extents.push({ length, flags: view.getUint32(at + 4) });
  }
  return { context: view.getUint32(0), extents };
}

/** A whole chunk with an error; it is the last of its reply. */
export function encodeErrorChunk(cookie: bigint, error: number, message: string): Uint8Array {
  const said = new TextEncoder().encode(message);
  const { bytes, view } = room(6 + said.length);
  view.setUint32(0, error);
  view.setUint16(4, said.length);
  bytes.set(said, 6);
  return chunk(cookie, chunkTypes.error, bytes, true);
}

export function isErrorChunk(type: number): boolean {
  return (type & chunkErrorBit) !== 0;
}

/** Any error chunk, also of a type that came later: all begin alike. A message that is no text is left out. */
export function decodeErrorChunk(payload: Uint8Array): { error: number; message: string } | undefined {
  if (payload.length < 6) return undefined;
  const view = viewOf(payload);
  const length = view.getUint16(4);
  if (view.getUint32(0) === 0 || 6 + length > payload.length) return undefined;
  return { error: view.getUint32(0), message: text(payload.subarray(6, 6 + length)) ?? '' };
}

/** doc/proto.md: a client that meets another value takes it as EINVAL. */
export function errorName(error: number): NbdErrorName {
  return names.get(error) ?? 'EINVAL';
}

const names = new Map<number, NbdErrorName>(Object.entries(errors).map(([name, value]) => [value, name as NbdErrorName]));

function chunk(cookie: bigint, type: number, payload: Uint8Array, done: boolean): Uint8Array {
  const head = encodeChunkHead(cookie, type, payload.length, done);
  const { bytes } = room(head.length + payload.length);
  bytes.set(head);
  bytes.set(payload, head.length);
  return bytes;
}
