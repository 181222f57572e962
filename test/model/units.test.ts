/** Durations and sizes as people write them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatDuration, formatUpperBound, parseDuration, parseSize } from '../../model/units.ts';

test('durations and sizes with a unit are read', () => {
  assert.deepEqual(
    ['10s', '1500ms', '2m', '1h', '0s', '1.5s', '10 s'].map(parseDuration),
    [10_000, 1_500, 120_000, 3_600_000, 0, 1_500, 10_000],
  );
  assert.deepEqual(['1B', '1KiB', '256MiB', '20GiB', '1TiB', '2PiB'].map(parseSize), [
    1,
    1_024,
    268_435_456,
    21_474_836_480,
    1_099_511_627_776,
    2 ** 51,
  ]);
});

test('other texts are not read: no unit, unknown units, signs, parts of a millisecond or byte, names of object members', () => {
  for (const text of ['10', '', 's', '-1s', '1e3s', '10 seconds', '1.5ms', '10S', '1constructor']) {
    assert.equal(parseDuration(text), undefined, text);
  }
  for (const text of ['20GB', '20G', '0.3B', '1gib', '99999999TiB']) assert.equal(parseSize(text), undefined, text);
});

test('bytes and durations are shown in their largest sensible unit', () => {
  assert.deepEqual([0, 1023, 1024, 1_048_550, 1_048_576, 1.5 * 2 ** 40].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.0 MiB',
    '1.0 MiB',
    '1.5 TiB',
  ]);
  assert.deepEqual([1.234, 42.4, 999.4, 999.6, 59_949, 59_960, 245_000, 7_380_000].map(formatDuration), [
    '1.2 ms',
    '42 ms',
    '999 ms',
    '1.0 s',
    '59.9 s',
    '1 min 00 s',
    '4 min 05 s',
    '2 h 03 min',
  ]);
});

test('a bound is rounded up, so that it is one as it reads', () => {
  assert.deepEqual([0.2, 41.2, 999.4, 4_101, 59_901, 61_001, 3_599_500, 3_660_001].map(formatUpperBound), [
    'at most 1 ms',
    'at most 42 ms',
    'at most 1.0 s',
    'at most 4.2 s',
    'at most 1 min 00 s',
    'at most 1 min 02 s',
    'at most 1 h 00 min',
    'at most 1 h 02 min',
  ]);
});
