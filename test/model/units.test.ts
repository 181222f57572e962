/** Durations and sizes as people write them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, parseSize } from '../../model/units.ts';

test('durations and sizes with a unit are read', () => {
  assert.deepEqual(
    ['10s', '1500ms', '2m', '1h', '0s', '1.5s', '10 s'].map(parseDuration),
    [10_000, 1_500, 120_000, 3_600_000, 0, 1_500, 10_000],
  );
  assert.deepEqual(
    ['1B', '1KiB', '256MiB', '20GiB', '1TiB'].map(parseSize),
    [1, 1_024, 268_435_456, 21_474_836_480, 1_099_511_627_776],
  );
});

test('anything else is none: no unit, unknown units, signs, parts of a millisecond or byte, names of object members', () => {
  for (const text of ['10', '', 's', '-1s', '1e3s', '10 seconds', '1.5ms', '10S', '1constructor']) {
    assert.equal(parseDuration(text), undefined, text);
  }
  for (const text of ['20GB', '20G', '0.3B', '1gib', '99999999TiB']) assert.equal(parseSize(text), undefined, text);
});
