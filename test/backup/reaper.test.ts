import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createReaper } from '../../backup/reaper.ts';
import { openSessions } from '../../backup/sessions.ts';
import type { Leftover } from '../../host/drivers/driver.ts';
import { backupId, guestId, type BackupId } from '../../model/ids.ts';
import { openKnownRepositories, repositoriesOf } from '../../repository/known.ts';
import { createRepository } from '../../repository/points.ts';
import { createFakeDriver } from '../fakes/fake-driver.ts';
import { temporaryFolder } from '../support/folder.ts';

const guest = guestId('db1-id');
const old = backupId('20260101T020000-1a2b3c4d');
const young = backupId('20260101T030000-5e6f7a8b');

/** A host on which `left` is found, and for which the server says what `running` says. */
async function host(t: TestContext, left: Leftover[], running: () => Promise<BackupId | null> = async () => null) {
  const folder = await temporaryFolder(t);
  const driver = createFakeDriver({ id: guest, name: 'db1', channel: { kind: 'socket', path: '/c' }, carries: [] });
  const ended: string[] = [];
  driver.pointInTime.leftovers = async () => left;
  driver.pointInTime.end = async (_, point) => void ended.push('stem' in point ? point.stem : point.backup);
  const repository = await createRepository(`${folder}/main`);
  const repositoryNamed = repositoriesOf({ main: repository.directory }, openKnownRepositories(`${folder}/state`));
  const sessions = openSessions(`${folder}/state`, repositoryNamed);
  const said: string[] = [];
  const reaper = createReaper({ driver, sessions, running, log: (_, message) => void said.push(message) });
  return { reaper, driver, sessions, repository, ended, said };
}

test('what a backup left that does not run is ended, by its id or by the stem of its objects', async (t) => {
  const { reaper, ended } = await host(t, [
    { guest, backup: old },
    { guest, stem: 'sf.deadbeef' },
  ]);
  await reaper.sweep();
  assert.deepEqual(ended, [old, 'sf.deadbeef']);
});

test('what the running backup of the guest owns stays, also where no record says which backup it is of', async (t) => {
  const left = [
    { guest, backup: old },
    { guest, stem: `sf.${young.slice(-8)}` },
  ];
  const { reaper, ended } = await host(t, left, async () => young);
  await reaper.sweep();
  assert.deepEqual(ended, [old]);
});

test('while the server does not say whether the backup runs, everything stays, and one line says so', async (t) => {
  let isAway = true;
  const { reaper, ended, said } = await host(t, [{ guest, backup: old }], async () => {
    if (isAway) throw new Error('the server is away');
    return null;
  });
  await reaper.sweep();
  await reaper.sweep();
  assert.deepEqual(ended, []);
  assert.equal(said.filter((line) => /still runs is not known.*the server is away/.test(line)).length, 1);
  isAway = false;
  await reaper.sweep();
  assert.deepEqual(ended, [old]);
});

test('what an activity of this process is at work on stays until the activity has ended', async (t) => {
  const { reaper, ended } = await host(t, [{ guest, backup: old }]);
  {
    using _ = await reaper.claim(old);
    await reaper.sweep();
    assert.deepEqual(ended, []);
  }
  await reaper.sweep();
  assert.deepEqual(ended, [old]);
});

test('an activity waits while what it would work on is being ended', async (t) => {
  const { reaper, driver } = await host(t, [{ guest, backup: old }]);
  const [begun, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let isEnded = false;
  driver.pointInTime.end = async () => {
    begun.resolve();
    await finish.promise;
    isEnded = true;
  };
  const sweep = reaper.sweep();
  await begun.promise;
  const claim = reaper.claim(old).then(() => assert.ok(isEnded));
  await new Promise(setImmediate);
  finish.resolve();
  await Promise.all([sweep, claim]);
});

test('one that cannot be ended now is tried again, and does not keep the others', async (t) => {
  const { reaper, driver, ended, said } = await host(t, [
    { guest, backup: old },
    { guest, backup: young },
  ]);
  const { end } = driver.pointInTime;
  driver.pointInTime.end = async (id, point) => {
    if ('backup' in point && point.backup === old) throw new Error('the monitor is held');
    return end(id, point);
  };
  await reaper.sweep();
  await reaper.sweep();
  assert.deepEqual(ended, [young, young]);
  assert.equal(said.filter((line) => line === 'the monitor is held').length, 1);
});

test('before a point in time, what earlier backups of the guest left is ended after the work that still claims it', async (t) => {
  const { reaper, ended } = await host(t, [{ guest, backup: old }], async () => young);
  const claim = await reaper.claim(old);
  const cleared = reaper.clear(guest, young);
  await new Promise(setImmediate);
  assert.deepEqual(ended, []);
  claim[Symbol.dispose]();
  await cleared;
  assert.deepEqual(ended, [old]);
});

test('a session that this host began is removed with its record, one of another host and a committed point are not', async (t) => {
  const { reaper, sessions, repository } = await host(t, []);
  await sessions.record({ backup: old, guest, repository: 'main' });
  await repository.begin(old);
  await repository.begin(young);
  await reaper.sweep();
  assert.deepEqual(await sessions.all(), []);
  assert.equal(await repository.abandon(old), false, 'it was gone');
  assert.equal(await repository.abandon(young), true, 'it was there');
});
