/** What QEMU's own agent makes of odd bytes (observed with qemu-ga 7.2.22 and 10.0.2): how many answers, and which. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeJson } from '../../protocol/json.ts';
import { createJsonStream, qemuLimits } from '../../protocol/json-stream.ts';
import { parseRequest } from '../../protocol/agent/request.ts';

const ping = '{"execute":"guest-ping"}';
const pinged = 'guest-ping {}';
const broken = 'cannot be read';
const sync = (id: string) => `{"execute":"guest-sync-delimited","arguments":{"id":${id}}}`;

/** One line for each answer that the agent would send, in order. Bytes are written as Latin-1. */
function answers(input: string, stream = createJsonStream(qemuLimits)): string[] {
  return stream.push(Buffer.from(input, 'latin1')).map((event) => {
    if (event.kind === 'error') return broken;
    const request = parseRequest(event.value);
    const id = request.id === undefined ? '' : ` id ${encodeJson(request.id)}`;
    return 'error' in request
      ? `${request.error.class}: ${request.error.desc}${id}`
      : `${request.execute} ${encodeJson(request.arguments)}${id}`;
  });
}

const utf8 = (text: string) => Buffer.from(text).toString('latin1');
const withId = (id: string) => answers(`{"execute":"guest-ping","id":${id}}\n`);

describe('framing', () => {
  const vectors: [name: string, input: string, answers: string[]][] = [
    ['A1 a request without newline is complete at its closing brace', ping, [pinged]],
    ['A2 two requests on one line', `${ping}{"execute":"guest-sync","arguments":{"id":7}}\n`, [pinged, 'guest-sync {"id": 7}']],
    ['A3 a request over several lines', '{\r\n\t"execute"\n:\r"guest-ping"\t}\n', [pinged]],
    ['A4 blank lines', '\n\n  \r\n', []],
    ['A5 a lone delimiter', '\xff', [broken]],
    [
      'A6 delimiters before a sync',
      `\xff\xff\xff${sync('1234')}\n`,
      [broken, broken, broken, 'guest-sync-delimited {"id": 1234}'],
    ],
    ['A7 a delimiter inside half a request', `{"execute":"guest-p\xff${ping}\n`, [broken, pinged]],
    ['A8 a delimiter instead of a value', `{"execute":\xff${sync('1234')}\n`, [broken, 'guest-sync-delimited {"id": 1234}']],
    ['A13 a leading zero', '{"execute":"guest-sync","arguments":{"id":01}}\n', [broken, broken, broken]],
    ['A25 a number waits for the byte after it', '5', []],
    ['A26 two words', 'hello world\n', [broken, broken]],
    ['A27 an HTTP request', `GET / HTTP/1.1\r\nHost: x\r\n\r\n${ping}`, [broken, broken, broken, broken, pinged]],
    ['A28 single quotes', "{'execute':'guest-ping'}\n", [pinged]],
    ['A31 closing braces too many', `{"a":1}}}${ping}\n`, [unexpected('a'), broken, broken, pinged]],
    ['A32 a broken message ends where it balances', `{"a":{"b":[1,,2],"c":3},"d":4}${ping}\n`, [broken, pinged]],
    [
      'A33 a newline does not end a message',
      `{"execute":[\n${ping}\n]}\n`,
      [`GenericError: QMP input member 'execute' must be a string`],
    ],
    ['A34 a comment', `/* x */${ping}\n`, [broken, pinged]],
    ['A40 a raw tab in a string', `{"execute":"a\tb"}\n${ping}`, [broken, broken, pinged]],
    ['A40 a raw newline in a string', `{"execute":"a\nb"}\n${ping}`, [broken, broken, pinged]],
    ['A41 a NUL byte', '\x00', [broken]],
    ['A42 a byte order mark', `\xef\xbb\xbf${ping}`, [broken, pinged]],
  ];
  for (const [name, input, expected] of vectors) it(name, () => assert.deepEqual(answers(input), expected));

  for (const text of ['{"execute":"a","execute":"b"}', '{"execute":"a",}', '{"execute" "a"}', '{"execute":}', '{5:1}'])
    it(`vector A29: the broken text ${text} costs one error`, () =>
      assert.deepEqual(answers(`${text}\n${ping}`), [broken, pinged]));
  for (const text of [']', '}', ',', ':'])
    it(`vector A30: a stray ${text} costs one error, and what follows is read`, () =>
      assert.deepEqual(answers(`${text}${ping}`), [broken, pinged]));

  it('vector A45: a client that leaves takes its half request with it', () => {
    const stream = createJsonStream(qemuLimits);
    assert.deepEqual(answers('{"execute":"guest-sync","argu', stream), []);
    stream.reset();
    assert.deepEqual(answers(ping, stream), [pinged]);
  });
});

describe('requests', () => {
  const generic = (desc: string) => [`GenericError: ${desc}`];
  it('vector A15: a request without execute is refused', () => {
    assert.deepEqual(answers('{}\n'), generic("QMP input lacks member 'execute'"));
    assert.deepEqual(answers('{"id":9}\n'), generic("QMP input lacks member 'execute' id 9"));
  });
  for (const value of ['5', 'null'])
    it(`vector A16: an execute of ${value} is refused`, () => {
      assert.deepEqual(answers(`{"execute":${value}}`), generic("QMP input member 'execute' must be a string"));
    });
  for (const value of ['[]', 'null', '"x"'])
    it(`vector A17: arguments of ${value} are refused`, () => {
      const expected = generic("QMP input member 'arguments' must be an object");
      assert.deepEqual(answers(`{"execute":"guest-ping","arguments":${value}}`), expected);
    });
  for (const member of ['foo', 'exec-oob', 'control'])
    it(`vector A18: the member ${member} is refused by name`, () => {
      assert.deepEqual(answers(`{"execute":"guest-ping","${member}":1}`), [unexpected(member)]);
    });
  for (const id of ['null', 'true', '[]', '{"a": [1, {"b": null}]}', '42', '"x"'])
    it(`vector A23: the id ${id} comes back`, () => assert.deepEqual(withId(id), [`${pinged} id ${id}`]));
  it('vector A23: the id 1.5 comes back', () => assert.deepEqual(withId('1.5'), [`${pinged} id 1.5`]));
  for (const text of ['[1,2]', '5', '"abc"', 'null'])
    it(`vector A24: ${text} is refused, since it is not an object`, () =>
      assert.deepEqual(answers(`${text}\n`), generic('QMP input must be a JSON object')));
});

describe('strings', () => {
  it('vector A35: an escape in a command name is read', () =>
    assert.deepEqual(answers('{"execute":"guest-\\u0070ing"}'), [pinged]));
  it('vector A36: an escaped pair of surrogates is read', () =>
    assert.deepEqual(withId('"\\ud83d\\ude00"'), [`${pinged} id "\\uD83D\\uDE00"`]));
  it('vector A36: raw UTF-8 is read', () => assert.deepEqual(withId(utf8('"😀é"')), [`${pinged} id "\\uD83D\\uDE00\\u00E9"`]));
  for (const id of ['"\\ud800"', '"\\udc00"', '"\\uffff"', '"\\ufdd0"', '"\\u12g4"', '"\\ud83d\\u0041"', '"\\q"'])
    it(`vector A37: the escape in ${id} is refused`, () => assert.deepEqual(withId(id), [broken]));
  for (const id of ['"a\\u0000b"', '"a\xc0\x80b"'])
    it(`vector A38: a NUL as ${JSON.stringify(id)} is kept`, () => assert.deepEqual(withId(id), [`${pinged} id "a\\u0000b"`]));
  for (const bytes of ['\x80', '\xc1\xbf', '\xe2\x82', '\xed\xa0\x80', '\xef\xbf\xbf', '\xf4\x90\x80\x80', '\xf8\x90\x80\x80'])
    it(`vector A39: the bytes ${Buffer.from(bytes, 'latin1').toString('hex')} are refused`, () =>
      assert.deepEqual(withId(`"${bytes}"`), [broken]));
  it('DEL is a character like any other', () => assert.deepEqual(withId('"\x7f"'), [`${pinged} id "\\u007F"`]));
});

describe('numbers', () => {
  for (const [written, read] of [
    ['9223372036854775807', '9223372036854775807'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['18446744073709551615', '18446744073709551615'],
    ['-0', '0'],
  ] as const)
    it(`vector A11: ${written} is exact`, () => assert.deepEqual(withId(written), [`${pinged} id ${read}`]));
  it('vector A12: an integer and a float are distinguished', () => {
    const [one, float, exponent] = createJsonStream(qemuLimits)
      .push(Buffer.from('1 1.0 1e3 '))
      .map((event) => (event.kind === 'value' ? typeof event.value : broken));
    assert.deepEqual([one, float, exponent], ['number', 'object', 'object']);
  });
  it('an integer beyond 64 bits is a float, and one of a million digits takes no longer than its digits', () => {
    assert.deepEqual(withId('18446744073709551616'), [`${pinged} id 1.8446744073709552e+19`]);
    assert.deepEqual(withId('9'.repeat(1_000_000)), [broken]);
  });
  it('a zero takes no exponent: a number, a word, a number', () => {
    const scalar = 'GenericError: QMP input must be a JSON object';
    assert.deepEqual(answers('0e1 '), [scalar, broken, scalar]);
  });
  it('a number that no double holds is refused', () => assert.deepEqual(withId('1e400'), [broken]));
});

describe('limits', () => {
  const nested = (depth: number) => `{"execute":"guest-ping","id":${'['.repeat(depth)}${']'.repeat(depth)}}${ping}`;
  it('vector A43: a request of depth 1024 is read', () => assert.equal(answers(nested(1023)).length, 2));
  it('vector A43: a request of depth 1025 is answered once', () => assert.deepEqual(answers(nested(1024)), [broken, pinged]));
  it('vector A44: a message just within its size is read, and one above is not', () => {
    const message = `{"id":"${'x'.repeat(30)}"}`;
    const within = createJsonStream({ ...qemuLimits, maxBytes: message.length });
    assert.deepEqual(
      within.push(Buffer.from(message)).map((event) => event.kind),
      ['value'],
    );
    const above = createJsonStream({ ...qemuLimits, maxBytes: message.length - 1 });
    assert.deepEqual(
      above.push(Buffer.from(message)).map((event) => event.kind),
      ['error'],
    );
  });
  for (const token of [`"${'x'.repeat(30)}"`, `${'1'.repeat(30)} `, `{"id":"${'{'.repeat(30)}"}`])
    it(`a token over the limit is answered once: ${token}`, () => {
      const stream = createJsonStream({ ...qemuLimits, maxBytes: 25 });
      assert.deepEqual(answers(`${token}${ping}`, stream), [broken, pinged]);
    });
  it('a token over the limit is reported before it ends', () => {
    const stream = createJsonStream({ ...qemuLimits, maxBytes: 25 });
    assert.deepEqual(answers(`"${'x'.repeat(30)}`, stream), [broken]);
  });
  it('a message of too many tokens is answered once', () => {
    const stream = createJsonStream({ ...qemuLimits, maxTokens: 10 });
    assert.deepEqual(answers(`[${'1,'.repeat(20)}1]${ping}`, stream), [broken, pinged]);
  });
});

function unexpected(member: string): string {
  return `GenericError: QMP input member '${member}' is unexpected`;
}
