/** JSON text for arguments: what is right, what is nearly right, and what only a lexer could love. Latin-1: one character a byte. */

import type { Random } from './random.ts';

const integers = ['0', '1', '-1', '-0', '2', '3', '7', '64', '255', '256', '1000', '1001', '1002', '4096', '65535', '65536'];
const edges = [
  ['2147483647', '2147483648', '-2147483648', '4294967295', '4294967296', '50331648', '50331649', '16777216'],
  ['9007199254740991', '9007199254740993', '9223372036854775807', '-9223372036854775808', '9223372036854775808'],
  ['18446744073709551615', '18446744073709551616', '-9223372036854775809', '99999999999999999999999999999999'],
].flat();
const numbers = [
  '1.0',
  '1e3',
  '1E-5',
  '0.1',
  '-0.0',
  '1e400',
  '-1e400',
  '1.5e308',
  '5e-324',
  '01',
  '+1',
  '.5',
  '1.',
  '0x10',
  '1e',
  '-',
];
const words = ['true', 'false', 'null', 'NaN', 'Infinity', 'TRUE', 'undefined', 'nul', 'truee'];
const texts = [
  ['', 'a', 'guest-ping', 'r', 'w', 'a+', 'rb', 'set', 'cur', 'end', 'none', 'merged', 'powerdown', '\\u0000', '\\ud83d\\ude00'],
  [
    '\\ud800',
    '\\udc00\\ud800',
    '\\uffff',
    '\\ufdd0',
    '\\u12g4',
    '\\x',
    '\\',
    '\\n\\t\\"\\\\\\/',
    "\\'",
    '\xc3\xa9',
    '\xf0\x9f\x98\x80',
  ],
  [
    '\xc0\x80',
    '\x80',
    '\xc1\xbf',
    '\xe2\x82',
    '\xed\xa0\x80',
    '\xf4\x90\x80\x80',
    '\xf8\x88\x80\x80\x80',
    '\xef\xbf\xbe',
    '\x7f',
    '\x01',
  ],
].flat();
/** None of them leads to anything but the sandbox's own directory; /proc is left out, for who writes there fuzzes the wrong program. */
const paths = ['/run/a', '/run/b', '/run/c', '/run', '/', '', '/nope/x', '/run/a/b', 'a', '/agent', '/lib', '\\u0000/run/a'];
const base64 = ['', 'aGVsbG8=', 'aGVsbG8', 'aGVs\\nbG8=', '====', 'AA==AA==', 'A', '-_-_', '\xff', ' ', 'aGVsbG8gd29ybGQh'];
const modes = ['r', 'w', 'a', 'r+', 'w+', 'a+', 'rb', 'wb+', 'rt', '', 'wx', 'rw'];

export type Kind = 'integer' | 'text' | 'path' | 'base64' | 'mode' | 'boolean' | 'strings' | 'whence' | 'capture' | 'any';

/** Mostly what the parameter takes; now and then anything. */
export function value(random: Random, kind: Kind): string {
  if (random.oneIn(6)) return anything(random, 3);
  switch (kind) {
    case 'integer':
      return random.oneIn(3) ? random.pick(edges) : random.pick(integers);
    case 'path':
      return quoted(random, random.pick(paths));
    case 'base64':
      return quoted(random, random.oneIn(2000) ? 'QUJD'.repeat(random.below(20_000)) : random.pick(base64));
    case 'mode':
      return quoted(random, random.pick(modes));
    case 'boolean':
      return random.pick(words.slice(0, 2));
    case 'strings':
      return `[${list(random, () => text(random))}]`;
    case 'whence':
      return random.oneIn(2)
        ? random.pick(['0', '1', '2', '3', '-1'])
        : quoted(random, random.pick(['set', 'cur', 'end', 'foo']));
    case 'capture':
      return random.oneIn(2) ? 'true' : quoted(random, random.pick(['none', 'stdout', 'stderr', 'separated', 'merged', 'all']));
    case 'text':
      return text(random);
    case 'any':
      return anything(random, 4);
  }
}

function anything(random: Random, depth: number): string {
  switch (random.below(depth > 0 ? 7 : 5)) {
    case 0:
      return random.pick(integers);
    case 1:
      return random.pick(edges);
    case 2:
      return random.pick(numbers);
    case 3:
      return random.pick(words);
    case 4:
      return text(random);
    case 5:
      return `[${list(random, () => anything(random, depth - 1))}]`;
    default:
      return `{${list(random, () => `${text(random)}:${anything(random, depth - 1)}`)}}`;
  }
}

export function text(random: Random): string {
  return quoted(random, random.oneIn(5000) ? 'x'.repeat(random.below(40_000)) : random.pick(texts) + random.pick(texts));
}

function quoted(random: Random, content: string): string {
  const quote = random.oneIn(12) ? "'" : '"';
  return quote + content + quote;
}

function list(random: Random, element: () => string): string {
  return Array.from({ length: random.below(4) }, element).join(random.oneIn(30) ? ',,' : ',');
}
