/** The short way reads a text as the long way does, or leaves it to the long way. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { encodeJson } from '../../protocol/json.ts';
import { parseCanonical } from '../../protocol/json-canonical.ts';
import { createJsonStream, qemuLimits, type JsonEvent } from '../../protocol/json-stream.ts';
import { text } from './canonical-texts.ts';

it('objects that JSON.parse reads otherwise are left to our parser: equal keys, floats, large numbers, index keys', () => {
  fc.assert(
    fc.property(text, (written) => {
      const bytes = Buffer.from(`{"x":${written}}\n`);
      // Byte by byte nothing is ever a whole line, so only the long way is left.
      const slow = createJsonStream(qemuLimits);
      const long = [...bytes].flatMap((byte) => slow.push(Uint8Array.of(byte)));
      assert.deepEqual(shown(createJsonStream(qemuLimits).push(bytes)), shown(long));
    }),
    { numRuns: 5_000 },
  );
});

it('the requests that real hosts send take the short way', () => {
  for (const request of [
    '{"execute":"guest-sync","arguments":{"id":1699999999999}}',
    '{"execute": "guest-ping", "arguments": {}}',
    '{"arguments":{},"execute":"guest-fsfreeze-status"}',
  ])
    assert.deepEqual(parseCanonical(request, 32), JSON.parse(request));
});

it('other texts are left to our parser', () => {
  for (const text of ['{"a":1,"a":1}', '{"a":1.0}', '{"a":-0}', '{"a":9007199254740993}', '{"a":[[[1]]]}', '{"a"'])
    assert.equal(parseCanonical(text, 2), undefined, text);
});

function shown(events: JsonEvent[]): string[] {
  return events.map((event) => (event.kind === 'value' ? encodeJson(event.value) : 'error'));
}
