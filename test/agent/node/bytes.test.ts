/** Bytes by Buffer: as the lexer's plain way and GLib's base64 have them. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import fc from 'fast-check';
import { bytes } from '../../../agent/platform/node/bytes.ts';
import { plainBytes } from '../../../protocol/json-lexer.ts';

const decode = (text: string) => {
  const decoded = bytes.fromBase64(text);
  return decoded && Buffer.from(decoded).toString('latin1');
};

suite('bytes', () => {
  it('base64 is decoded with newlines anywhere, and with padding where GLib accepts it', () => {
    assert.equal(decode(''), '');
    assert.equal(decode('aGVs\nbG8=\n'), 'hello');
    assert.equal(decode('YQ==YmM=ZGVm'), 'abcdef');
    assert.equal(decode('===='), '\0');
    assert.equal(decode('a==='), 'h');
    assert.equal(decode('ab=c'), 'i\x1c');
  });

  it('base64 with other characters or an incomplete end is refused', () => {
    for (const text of ['a', 'ab', 'abc', 'aGVsbG8', 'aGVs bG8=', 'aGV\r', '-_==', 'é===', 'aGVs\0bG8'])
      assert.equal(decode(text), undefined, text);
  });

  it('base64 that Node encoded is decoded to the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (any) =>
        assert.deepEqual(Uint8Array.from(bytes.fromBase64(Buffer.from(any).toString('base64'))!), any),
      ),
    );
  });

  it('Latin-1 is read in the same way as byte by byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (any, from) => {
        const at = Math.min(from, any.length);
        assert.equal(bytes.latin1(any, at, any.length), plainBytes.latin1(any, at, any.length));
      }),
    );
  });
});
