import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idPattern, newBackupId, objectStem } from '../../model/ids.ts';
import { defaultWindowLimits, grantLease } from '../../model/window/lease.ts';

test('backup ids sort by time and are fit for files, payloads and node names', () => {
  const early = newBackupId(Date.parse('2026-01-01T02:00:00Z'), 'ffffffff');
  const late = newBackupId(Date.parse('2026-01-01T02:00:01Z'), '00000000');
  assert.equal(early, '20260101T020000-ffffffff');
  assert.ok(early < late);
  assert.match(early, idPattern);
  assert.equal(objectStem(early), 'sf.ffffffff');
});

test('ids that would leave their directory are refused', () => {
  for (const id of ['', '.', '..', '../x', 'a/b', '.hidden', 'a\u0000b', 'x'.repeat(64)]) assert.doesNotMatch(id, idPattern, id);
});

test('a lease is the host’s own unless the request names one within the cap', () => {
  assert.equal(grantLease(undefined, defaultWindowLimits), 10_000);
  assert.equal(grantLease(2_500, defaultWindowLimits), 2_500);
  for (const asked of [0, -1, 1.5, Number.NaN, 30_001])
    assert.throws(() => grantLease(asked, defaultWindowLimits), { code: 'lease-too-long' });
});
