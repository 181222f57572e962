/** Records of utmp(5) in both of glibc's layouts. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import fc from 'fast-check';
import { parseUtmp } from '../../../../agent/core/system/utmp.ts';
import { bytes } from '../../../../agent/platform/node/bytes.ts';

function record(type: number, user: string, seconds: number, microseconds: number, wide = false): Buffer {
  const made = Buffer.alloc(wide ? 400 : 384);
  made.writeInt16LE(type);
  made.write(user, 44, 32, 'latin1');
  if (wide) {
    made.writeBigInt64LE(BigInt(seconds), 344);
    made.writeBigInt64LE(BigInt(microseconds), 352);
  } else {
    made.writeInt32LE(seconds, 340);
    made.writeInt32LE(microseconds, 344);
  }
  return made;
}

suite('utmp', () => {
  it('user processes are listed, and boots, gettys and ended ones are not', () => {
    const records = Buffer.concat([
      record(2, 'reboot', 1, 0),
      record(7, 'root', 1_700_000_000, 250_000),
      record(6, 'LOGIN', 2, 0),
      record(8, '', 3, 0),
      record(7, 'x'.repeat(32), 1_700_000_001, 0),
    ]);
    assert.deepEqual(parseUtmp(records, bytes, false), [
      { user: 'root', time: 1_700_000_000.25 },
      { user: 'x'.repeat(32), time: 1_700_000_001 },
    ]);
  });

  it('times and records are longer on 64-bit Arm', () => {
    const records = Buffer.concat([record(7, 'one', 2 ** 33, 500_000, true), record(7, 'two', 5, 0, true)]);
    assert.deepEqual(parseUtmp(records, bytes, true), [
      { user: 'one', time: 2 ** 33 + 0.5 },
      { user: 'two', time: 5 },
    ]);
  });

  it('a truncated record is ignored, and any bytes are accepted', () => {
    assert.deepEqual(parseUtmp(record(7, 'root', 1, 0).subarray(0, 383), bytes, false), []);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.boolean(), (any, wide) => {
        for (const { user, time } of parseUtmp(any, bytes, wide)) assert.ok(user.length <= 32 && Number.isFinite(time));
      }),
    );
  });
});
