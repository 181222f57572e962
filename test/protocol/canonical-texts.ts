/** JSON texts with all that JSON.parse reads otherwise than QEMU's parser, and some that are none. */

import fc from 'fast-check';

/** Most of a text is ordinary, so that one oddity is not hidden behind another. */
const scalar = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom('1', '-1', '0', 'true', 'false', 'null', '""', '"a b"', '"a: b, c"', '"id"', '{}', '[]'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '-0',
      '1.0',
      '1e3',
      '1E3',
      '0.5',
      '01',
      '999999999999999',
      '9007199254740991',
      '9007199254740993',
      '18446744073709551615',
      'tru',
      "'x'",
      '"x',
      '"\\u0041"',
      '"é"',
      '1,',
    ),
  },
);
const key = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('"a"', '"b"', '"execute"', '"id"') },
  { weight: 1, arbitrary: fc.constantFrom('"1"', '"0"', '"__proto__"', '" a"', '"a "', 'a', '""') },
);
const space = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('', '', ' ') },
  { weight: 1, arbitrary: fc.constantFrom('\t', '\r') },
);

export const { text } = fc.letrec<{ text: string; object: string; array: string }>((tie) => ({
  text: fc.oneof({ maxDepth: 4 }, scalar, tie('object'), tie('array')),
  object: fc
    .array(fc.tuple(space, key, space, space, tie('text'), space), { maxLength: 4 })
    .map((members) => `{${members.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`).join(',')}}`),
  array: fc
    .array(fc.tuple(space, tie('text')), { maxLength: 4 })
    .map((members) => `[${members.map((member) => member.join('')).join(',')}]`),
}));
