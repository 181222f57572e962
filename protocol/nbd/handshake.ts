/** The fixed newstyle handshake of NBD, both sides: the greeting, options and the replies to them. */

import { infos, magics, mostStringBytes } from './numbers.ts';

export const greetingBytes = 18;
export const clientFlagsBytes = 4;
export const optionHeadBytes = 16;
export const optionReplyHeadBytes = 20;

export function encodeGreeting(flags: number): Uint8Array {
  const { bytes, view } = room(greetingBytes);
  view.setBigUint64(0, magics.server);
  view.setBigUint64(8, magics.option);
  view.setUint16(16, flags);
  return bytes;
}

/** The server's flags; undefined for anything but a newstyle server. */
export function decodeGreeting(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes);
  if (view.getBigUint64(0) !== magics.server || view.getBigUint64(8) !== magics.option) return undefined;
  return view.getUint16(16);
}

export function encodeClientFlags(flags: number): Uint8Array {
  const { bytes, view } = room(clientFlagsBytes);
  view.setUint32(0, flags);
  return bytes;
}

export function decodeClientFlags(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(0);
}

export function encodeOption(option: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  const { bytes, view } = room(optionHeadBytes + data.length);
  view.setBigUint64(0, magics.option);
  view.setUint32(8, option);
  view.setUint32(12, data.length);
  bytes.set(data, optionHeadBytes);
  return bytes;
}

export function decodeOptionHead(bytes: Uint8Array): { option: number; length: number } | undefined {
  const view = viewOf(bytes);
  if (view.getBigUint64(0) !== magics.option) return undefined;
  return { option: view.getUint32(8), length: view.getUint32(12) };
}

export function encodeOptionReply(option: number, type: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  const { bytes, view } = room(optionReplyHeadBytes + data.length);
  view.setBigUint64(0, magics.optionReply);
  view.setUint32(8, option);
  view.setUint32(12, type);
  view.setUint32(16, data.length);
  bytes.set(data, optionReplyHeadBytes);
  return bytes;
}

export function decodeOptionReplyHead(bytes: Uint8Array): { option: number; type: number; length: number } | undefined {
  const view = viewOf(bytes);
  if (view.getBigUint64(0) !== magics.optionReply) return undefined;
  return { option: view.getUint32(8), type: view.getUint32(12), length: view.getUint32(16) };
}

/** Data of INFO and GO: the export, and what the client wants to know beyond its size and flags. */
export interface GoRequest {
  name: string;
  infos: number[];
}

export function encodeGo({ name, infos: wanted }: GoRequest): Uint8Array {
  return concat(u32(utf8(name).length), utf8(name), u16(wanted.length), ...wanted.map(u16));
}

export function decodeGo(data: Uint8Array): GoRequest | undefined {
  const take = taker(data);
  const name = take.string();
  const wanted: number[] = [];
  const count = take.u16();
  for (let left = count ?? 0; left > 0; left -= 1) {
    const info = take.u16();
    if (info === undefined) return undefined;
    wanted.push(info);
  }
  return name === undefined || count === undefined || !take.ended() ? undefined : { name, infos: wanted };
}

/** Data of LIST_META_CONTEXT and SET_META_CONTEXT. */
export interface MetaQueries {
  name: string;
  queries: string[];
}

export function encodeMetaQueries({ name, queries }: MetaQueries): Uint8Array {
  const strings = [name, ...queries].map((each) => concat(u32(utf8(each).length), utf8(each)));
  return concat(strings[0]!, u32(queries.length), ...strings.slice(1));
}

export function decodeMetaQueries(data: Uint8Array): MetaQueries | undefined {
  const take = taker(data);
  const name = take.string();
  const queries: string[] = [];
  const count = take.u32();
  for (let left = count ?? 0; left > 0; left -= 1) {
    const query = take.string();
    if (query === undefined) return undefined;
    queries.push(query);
  }
  return name === undefined || count === undefined || !take.ended() ? undefined : { name, queries };
}

/** A context that the server knows; its id is arbitrary and stands for it in replies to block status. */
export interface MetaContext {
  id: number;
  name: string;
}

export function encodeMetaContext({ id, name }: MetaContext): Uint8Array {
  return concat(u32(id), utf8(name));
}

export function decodeMetaContext(data: Uint8Array): MetaContext | undefined {
  const take = taker(data);
  const id = take.u32();
  const name = text(data.subarray(4));
  return id === undefined || name === undefined ? undefined : { id, name };
}

/** What the reply to GO states of the export. `size` is beyond 2^53 only from a broken server. */
export interface ExportInfo {
  size: bigint;
  flags: number;
}

export function encodeExportInfo({ size, flags }: ExportInfo): Uint8Array {
  const { bytes, view } = room(12);
  view.setUint16(0, infos.export);
  view.setBigUint64(2, size);
  view.setUint16(10, flags);
  return bytes;
}

/** Undefined when the data is shorter than its kind needs; null for a kind other than the export itself. */
export function decodeExportInfo(data: Uint8Array): ExportInfo | null | undefined {
  if (data.length < 2) return undefined;
  const view = viewOf(data);
  if (view.getUint16(0) !== infos.export) return null;
  return data.length === 12 ? { size: view.getBigUint64(2), flags: view.getUint16(10) } : undefined;
}

/** What a server that is asked for block sizes states: any byte, best in pieces of `preferred`, at most `maximum` at once. */
export function encodeBlockSizes(preferred: number, maximum: number): Uint8Array {
  return concat(u16(infos.blockSize), u32(1), u32(preferred), u32(maximum));
}

/** The reply to LIST: one export. */
export function encodeListedExport(name: string): Uint8Array {
  return concat(u32(utf8(name).length), utf8(name));
}

/** The reply to EXPORT_NAME, which has no head; the zeroes are left out when both sides agreed to that. */
export function encodeExportNameReply({ size, flags }: ExportInfo, zeroes: boolean): Uint8Array {
  const { bytes, view } = room(zeroes ? 134 : 10);
  view.setBigUint64(0, size);
  view.setUint16(8, flags);
  return bytes;
}

/** A name or message of the peer; undefined when it is no UTF-8 or too long. */
export function text(bytes: Uint8Array): string | undefined {
  if (bytes.length > mostStringBytes) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function room(length: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(length);
  return { bytes, view: viewOf(bytes) };
}

const utf8 = (value: string) => new TextEncoder().encode(value);

function u16(value: number): Uint8Array {
  const { bytes, view } = room(2);
  view.setUint16(0, value);
  return bytes;
}

function u32(value: number): Uint8Array {
  const { bytes, view } = room(4);
  view.setUint32(0, value);
  return bytes;
}

function concat(...parts: Uint8Array[]): Uint8Array {
  const { bytes } = room(parts.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of parts) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

/** Takes numbers and strings one after another; each is undefined once the data does not hold it. */
function taker(data: Uint8Array) {
  let at = 0;
  const take = (length: number) => {
    const ends = at + length;
    if (ends > data.length) return undefined;
    const taken = data.subarray(at, ends);
    at = ends;
    return taken;
  };
  const number = (length: 2 | 4) => {
    const taken = take(length);
    if (taken === undefined) return undefined;
    return length === 2 ? viewOf(taken).getUint16(0) : viewOf(taken).getUint32(0);
  };
  return {
    u16: () => number(2),
    u32: () => number(4),
    string: () => {
      const length = number(4);
      const taken = length === undefined ? undefined : take(length);
      return taken && text(taken);
    },
    ended: () => at === data.length,
  };
}
