import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { endUnclaimedPoints } from '../../backup/leftovers.ts';
import type { Leftover, PointName } from '../../host/drivers/driver.ts';
import { createFakeDriver } from '../fakes/fake-driver.ts';
import { backupId, guestId } from '../../model/ids.ts';

const guest = 'db1-id';
const backup = '20260101T020000-1a2b3c4d';
const other = '20260101T030000-5e6f7a8b';

/** A driver that finds `left`. `ended` resolves when so many of them have been ended. */
function hostThatFinds(t: TestContext, left: Leftover[], expected: number) {
  // The wait for copies to go on is two minutes.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const driver = createFakeDriver({ id: guestId(guest), name: 'db1', channel: { kind: 'socket', path: '/c' }, carries: [] });
  const [found, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const points: PointName[] = [];
  driver.pointInTime.leftovers = async () => left;
  driver.pointInTime.end = async (_, point) => {
    points.push(point);
  };
  const log = (_: string, message: string) => {
    if (message.startsWith('found')) found.resolve();
    if (points.length === expected) ended.resolve();
  };
  return { unclaimed: endUnclaimedPoints({ driver, log }), found: found.promise, ended: ended.promise, points };
}

test('a point in time that no copy claims is ended, by its backup or by the stem of its objects', async (t) => {
  const { found, ended, points } = hostThatFinds(
    t,
    [
      { guest: guestId(guest), backup: backupId(backup) },
      { guest: guestId(guest), stem: 'sf.deadbeef' },
    ],
    2,
  );
  await found;
  await new Promise(setImmediate);
  assert.deepEqual(points, []);
  t.mock.timers.tick(120_000);
  await ended;
  assert.deepEqual(points, [{ backup }, { stem: 'sf.deadbeef' }]);
});

test('a point in time whose copy goes on is left to it', async (t) => {
  const { unclaimed, found, ended, points } = hostThatFinds(
    t,
    [
      { guest: guestId(guest), backup: backupId(backup) },
      { guest: guestId(guest), backup: backupId(other) },
    ],
    1,
  );
  await found;
  unclaimed.claim(backupId(backup));
  await new Promise(setImmediate);
  t.mock.timers.tick(120_000);
  await ended;
  assert.deepEqual(points, [{ backup: other }]);
});
