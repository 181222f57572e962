/** Time zone files (RFC 9636): the local time at a moment. */

import { localTimeByRule, type LocalTime } from './posix-time-zone.ts';

/** Undefined when the bytes are not such a file. `seconds` since 1970. */
export function localTimeByFile(bytes: Uint8Array, seconds: number): LocalTime | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = readHeader(view, 0);
  if (!first) return undefined;
  const old = layoutOf(first, 4);
  if (first.version === 1) return old.end <= view.byteLength ? lookUp(view, first, old, seconds) : undefined;
  // Since version 2 the same data follows again with 64 bits, and a rule for the time after the table.
  const second = readHeader(view, old.end);
  if (!second) return undefined;
  const layout = layoutOf(second, 8);
  if (layout.end > view.byteLength) return undefined;
  const last = second.transitions === 0 ? -Infinity : timeAt(view, layout, second.transitions - 1);
  const rule = seconds >= last ? localTimeByRule(footerOf(bytes, layout.end), seconds) : undefined;
  return rule ?? lookUp(view, second, layout, seconds);
}

interface Header {
  version: 1 | 2;
  leaps: number;
  transitions: number;
  types: number;
  characters: number;
  standards: number;
  locals: number;
  /** Where the data begins. */
  at: number;
}

const magic = 0x545a6966;
const headerBytes = 44;

function readHeader(view: DataView, at: number): Header | undefined {
  if (at + headerBytes > view.byteLength || view.getUint32(at) !== magic) return undefined;
  const [locals, standards, leaps, transitions, types, characters] = [0, 1, 2, 3, 4, 5].map((index) =>
    view.getUint32(at + 20 + index * 4),
  ) as [number, number, number, number, number, number];
  if (types === 0) return undefined;
  const version = view.getUint8(at + 4) >= 0x32 ? 2 : 1;
  return { version, leaps, transitions, types, characters, standards, locals, at: at + headerBytes };
}

interface Layout {
  timeBytes: 4 | 8;
  times: number;
  typeOf: number;
  types: number;
  characters: number;
  end: number;
}

const typeBytes = 6;

function layoutOf(header: Header, timeBytes: 4 | 8): Layout {
  const times = header.at;
  const typeOf = times + header.transitions * timeBytes;
  const types = typeOf + header.transitions;
  const characters = types + header.types * typeBytes;
  const end = characters + header.characters + header.leaps * (timeBytes + 4) + header.standards + header.locals;
  return { timeBytes, times, typeOf, types, characters, end };
}

function lookUp(view: DataView, header: Header, layout: Layout, seconds: number): LocalTime | undefined {
  // The time before the table has its first type.
  let type = 0;
  let low = 0;
  for (let high = header.transitions; low < high;) {
    const middle = (low + high) >> 1;
    if (timeAt(view, layout, middle) <= seconds) low = middle + 1;
    else high = middle;
  }
  if (low > 0) type = view.getUint8(layout.typeOf + low - 1);
  if (type >= header.types) return undefined;
  const at = layout.types + type * typeBytes;
  const nameAt = view.getUint8(at + 5);
  let abbreviation = '';
  for (let index = nameAt; index < header.characters; index++) {
    const character = view.getUint8(layout.characters + index);
    if (character === 0) break;
    abbreviation += String.fromCharCode(character);
  }
  return { abbreviation, offset: view.getInt32(at) };
}

function timeAt(view: DataView, { timeBytes, times }: Layout, index: number): number {
  const at = times + index * timeBytes;
  return timeBytes === 4 ? view.getInt32(at) : Number(view.getBigInt64(at));
}

/** A longer text is not a rule: the longest rule in use has 45 characters. */
const mostFooterBytes = 256;

/** Between two newlines. */
function footerOf(bytes: Uint8Array, at: number): string {
  const footer = bytes.subarray(at + 1, at + 1 + mostFooterBytes);
  const end = footer.indexOf(newline);
  return bytes[at] === newline && end >= 0 ? String.fromCharCode(...footer.subarray(0, end)) : '';
}

const newline = 0x0a;
