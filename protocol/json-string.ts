/** The inside of a string: escapes, and UTF-8 that is taken as strictly as QEMU takes it. */

/** Text that is not JSON, or not the JSON that the peer accepts. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
}

const escapes: Record<string, string> = { '"': '"', "'": "'", '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** `text` is the token with its quotes, one character a byte. @throws JsonTextError */
export function decodeString(text: string): string {
  const inside = text.slice(1, -1);
  const pieces: string[] = [];
  for (let at = 0; at < inside.length;) {
    const byte = inside.charCodeAt(at);
    if (byte === 0x5c) at = escape(inside, at, pieces);
    else if (byte < 0x80) pieces.push(inside[at++]!);
    else at = sequence(inside, at, pieces);
  }
  return pieces.join('');
}

function escape(text: string, at: number, into: string[]): number {
  const named = escapes[text[at + 1] ?? ''];
  if (named !== undefined) return (into.push(named), at + 2);
  const first = unit(text, at);
  if (first < 0xd800 || first > 0xdfff) return (pushPoint(first, into), at + 6);
  const second = first < 0xdc00 ? unit(text, at + 6) : 0;
  if (second < 0xdc00 || second > 0xdfff) throw new JsonTextError('invalid Unicode: half of a surrogate pair');
  pushPoint(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), into);
  return at + 12;
}

function unit(text: string, at: number): number {
  const match = /^\\u([0-9a-fA-F]{4})/.exec(text.slice(at, at + 6));
  if (!match) throw new JsonTextError('invalid escape');
  return Number.parseInt(match[1]!, 16);
}

/** Lowest code point of a sequence of one to four bytes: anything below is an overlong form. */
const lowest = [0, 0, 0x80, 0x800, 0x10000];

function sequence(text: string, at: number, into: string[]): number {
  const lead = text.charCodeAt(at);
  const length = lead >= 0xf8 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  let point = lead & (0xff >> (length + 1));
  for (let more = 1; more < length; more++) {
    const byte = text.charCodeAt(at + more);
    if (Number.isNaN(byte) || (byte & 0xc0) !== 0x80) throw new JsonTextError('invalid UTF-8');
    point = (point << 6) | (byte & 0x3f);
  }
  // C0 80 is how QEMU writes a NUL into a string that ends at NUL; every other overlong form is an attack.
  const nul = length === 2 && point === 0;
  if (length === 0 || (point < lowest[length]! && !nul) || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    throw new JsonTextError('invalid UTF-8');
  }
  pushPoint(point, into);
  return at + length;
}

function pushPoint(point: number, into: string[]): void {
  if ((point & 0xfffe) === 0xfffe || (point >= 0xfdd0 && point <= 0xfdef))
    throw new JsonTextError('invalid Unicode: not a character');
  into.push(String.fromCodePoint(point));
}
