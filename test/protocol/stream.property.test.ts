/** What must hold for any bytes: nothing throws, how they are cut does not matter, and what we write we read. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { encodeJson, JsonFloat, type Json } from '../../protocol/json.ts';
import { createJsonStream, qemuLimits, type JsonEvent, type JsonLimits } from '../../protocol/json-stream.ts';

/** Bytes that say something to a JSON lexer come up often enough to nest, quote and escape. */
const meaningful = [...'{}[]:,"\'\\u0019eE.-+ \n\ttrufalsn'].map((each) => each.charCodeAt(0));
const noise = fc
  .array(
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...meaningful, 0xff, 0xfe, 0xc0, 0x80) }, fc.integer({ min: 0, max: 255 })),
    {
      maxLength: 300,
    },
  )
  .map((bytes) => Uint8Array.from(bytes));

const scalar = fc.oneof(
  fc.constantFrom<Json>(null, true, false, '', '__proto__', 'a\u0000b', '😀é\u007f'),
  fc.maxSafeInteger().map<Json>((each) => (each === 0 ? 0 : each)),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
  fc.string({ unit: 'binary' }).filter(isAcceptable),
);
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'binary' }).filter(isAcceptable), tie('value'), { maxKeys: 5, noNullPrototype: false }),
  ),
})).value;

it('arbitrary bytes never throw, and a request after a delimiter and the closing of what is open is still read', () => {
  fc.assert(
    fc.property(noise, (bytes) => {
      const stream = createJsonStream(qemuLimits);
      stream.push(bytes);
      const after = stream.push(Buffer.from('\xff{"execute":"guest-ping"}', 'latin1'));
      assert.deepEqual(shown(after.slice(-1)), ['{"execute": "guest-ping"}']);
    }),
    { numRuns: 2_000 },
  );
});

it('any way of cutting the same bytes gives the same events', () => {
  fc.assert(
    fc.property(noise, fc.array(fc.nat(300), { maxLength: 20 }), fc.integer({ min: 4, max: 400 }), (bytes, cuts, maxBytes) => {
      const limits = { ...qemuLimits, maxBytes, maxDepth: 8 };
      const whole = shown(createJsonStream(limits).push(bytes));
      assert.deepEqual(inPieces(bytes, cuts, limits), whole);
      assert.deepEqual(inPieces(bytes, [...bytes.keys()], limits), whole);
    }),
    { numRuns: 1_000 },
  );
});

it('what is written is ASCII on one line and reads back as the same value', () => {
  fc.assert(
    fc.property(json, (value) => {
      const line = encodeJson(value);
      assert.match(line, /^[ -~]*$/);
      const events = createJsonStream(qemuLimits).push(Buffer.from(`${line}\n`));
      assert.deepEqual(shown(events), [line]);
    }),
  );
});

it('a float is written so that the same float is read', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.equal(Number(encodeJson(new JsonFloat(value))) + 0, value + 0);
    }),
  );
});

it('a value that JSON.parse reads exactly is read as the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false, maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value);
      fc.pre(isAcceptable(text));
      const [event] = createJsonStream(qemuLimits).push(Buffer.from(`${text}\n`));
      assert.ok(event?.kind === 'value');
      assert.deepEqual(
        loosely(event.value),
        JSON.parse(text, (_, each: unknown) => (each === 0 ? 0 : each)),
      );
    }),
  );
});

/** Events as lines; the text of an error is for people, that there is one is the contract. */
function shown(events: JsonEvent[]): string[] {
  return events.map((event) => (event.kind === 'value' ? encodeJson(event.value) : 'error'));
}

function inPieces(bytes: Uint8Array, cuts: number[], limits: JsonLimits): string[] {
  const stream = createJsonStream(limits);
  const ends = [...new Set(cuts.filter((cut) => cut < bytes.length))].sort((a, b) => a - b);
  return [...ends, bytes.length].flatMap((end, index) =>
    shown(stream.push(bytes.subarray(index === 0 ? 0 : ends[index - 1], end))),
  );
}

/** QEMU refuses halves of surrogate pairs and code points that are not characters. */
function isAcceptable(text: string): boolean {
  return text.isWellFormed() && !/[\ufdd0-\ufdef]|\p{Noncharacter_Code_Point}/u.test(text);
}

/** Floats and prototypes as JSON.parse has them. */
function loosely(value: Json): unknown {
  if (value instanceof JsonFloat) return value.value === 0 ? 0 : value.value;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(loosely);
  if (typeof value !== 'object' || value === null) return value;
  return Object.defineProperties(
    {},
    Object.fromEntries(Object.entries(value).map(([key, each]) => [key, asProperty(loosely(each))])),
  );
}

function asProperty(value: unknown): PropertyDescriptor {
  return { value, enumerable: true, writable: true, configurable: true };
}
