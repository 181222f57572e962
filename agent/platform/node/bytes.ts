/** Bytes and texts, by Node's Buffer. */

import type { Bytes } from '../../core/platform.ts';
import { plainBytes } from '../../../protocol/json-lexer.ts';

export const bytes: Bytes = {
  ...plainBytes,
  latin1: (source, from, to) => viewOf(source).toString('latin1', from, to),
  fromBase64(text) {
    const plain = text.replaceAll('\n', '');
    if (plain.length % 4 !== 0 || /[^A-Za-z0-9+/=]/.test(plain)) return undefined;
    return /=[^=]|={3}/.test(plain) ? decodeGroups(plain) : Buffer.from(plain, 'base64');
  },
  utf8: (text) => Buffer.from(text, 'utf8'),
};

function viewOf(source: Uint8Array): Buffer {
  return Buffer.from(source.buffer, source.byteOffset, source.byteLength);
}

/** Padding in a wrong place counts as zero bits, and costs the bytes of the last two places of its group (GLib's way). */
function decodeGroups(plain: string): Uint8Array {
  const decoded: number[] = [];
  for (let at = 0; at < plain.length; at += 4) {
    const group = plain.slice(at, at + 4);
    const [first, second, third] = Buffer.from(group.replaceAll('=', 'A'), 'base64');
    decoded.push(first!);
    if (group[2] !== '=') decoded.push(second!);
    if (group[3] !== '=') decoded.push(third!);
  }
  return Uint8Array.from(decoded);
}
