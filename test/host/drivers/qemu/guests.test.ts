/** Which guests a host has: listed or found by a pattern, distinguished by their ids, watched by their events. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { openMonitor } from '../../../../host/channel/monitor.ts';
import type { GuestSource } from '../../../../host/config.ts';
import type { GuestEvent, GuestWatch } from '../../../../host/drivers/driver.ts';
import { createQemuDriver } from '../../../../host/drivers/qemu/driver.ts';
import { guestId, hostId, zeroUuid } from '../../../../model/ids.ts';
import { defaultWindowLimits } from '../../../../model/window/lease.ts';
import { startBareQemu } from '../../../fixtures/qemu.ts';
import { temporaryFolder } from '../../../support/folder.ts';

async function driverOf(t: TestContext, ...guests: GuestSource[]) {
  return driverOn(await temporaryFolder(t), ...guests);
}

/** Several on one state directory are workers that follow one another. */
function driverOn(stateDir: string, ...guests: GuestSource[]) {
  const scratch = { path: join(stateDir, 'scratch'), limitBytes: undefined, marginBytes: 0 };
  const config = { host: hostId('h'), guests, limits: defaultWindowLimits, scratch, repositories: {}, snapshots: {} };
  return createQemuDriver({ config, stateDir, log: () => {} });
}

function listed(name: string, { monitor }: { monitor: string }, id?: string): GuestSource {
  return {
    kind: 'listed',
    name,
    id: id === undefined ? undefined : guestId(id),
    channel: `${monitor}.qga`,
    monitor,
    carries: [],
  };
}

/** Every event up to the first `last`. */
function eventsUntil(last: GuestEvent, watch: GuestWatch): Promise<GuestEvent[]> {
  const seen: GuestEvent[] = [];
  return new Promise((resolve) =>
    watch.on((event) => {
      seen.push(event);
      if (event === last) resolve(seen);
    }),
  );
}

it('the driver finds guests by a pattern and gives each its directory as name', async (t) => {
  const root = await temporaryFolder(t);
  for (const name of ['db1', 'web$&', 'empty']) await mkdir(join(root, name));
  await writeFile(join(root, 'db1', 'sfa.sock'), '');
  const qemus = [
    await startBareQemu(t, { directory: join(root, 'db1'), disks: [8, 4] }),
    await startBareQemu(t, { directory: join(root, 'web$&') }),
  ];
  const driver = await driverOf(t, {
    kind: 'found',
    channelPattern: `${root}/*/qga.sock`,
    agentChannelPattern: `${root}/*/sfa.sock`,
    monitorPattern: `${root}/*/qmp.sock`,
  });
  const listings = await driver.inventory();
  assert.deepEqual(
    listings.map(({ name, id, state, problem }) => ({ name, id, state, problem })),
    [
      { name: 'db1', id: qemus[0]!.uuid, state: 'prelaunch', problem: null },
      { name: 'web$&', id: qemus[1]!.uuid, state: 'prelaunch', problem: null },
    ],
  );
  assert.deepEqual(listings[0]!.disks, [
    { device: 'd0', bytes: 8 * 2 ** 20 },
    { device: 'd1', bytes: 4 * 2 ** 20 },
  ]);
  const guests = await Promise.all(qemus.map(({ uuid }) => driver.guest(guestId(uuid))));
  assert.deepEqual(
    guests.map(({ channel, agentChannel }) => [channel, agentChannel]),
    [
      [socketAt(root, 'db1', 'qga.sock'), socketAt(root, 'db1', 'sfa.sock')],
      [socketAt(root, 'web$&', 'qga.sock'), undefined],
    ],
  );
});

const socketAt = (...path: string[]) => ({ kind: 'socket', path: join(...path) });

it('the driver refuses the all-zero UUID unless the file gives an id', async (t) => {
  const qemu = await startBareQemu(t, { uuid: null });
  const driver = await driverOf(t, listed('nobody', qemu));
  assert.equal((await driver.inventory())[0]!.problem, 'guest-uuid-zero');
  await assert.rejects(driver.guest(guestId(zeroUuid)), { code: 'guest-uuid-zero', message: /nobody.*-uuid.*id:/ });
  const named = await driverOf(t, listed('nobody', qemu, 'db-eu-1'));
  const watch = await named.watch(await named.guest(guestId('db-eu-1')));
  assert.equal(watch.state, 'prelaunch');
  await watch.close();
});

it('the driver refuses an id that two guests report, and names both', async (t) => {
  const uuid = randomUUID();
  const [first, second] = [await startBareQemu(t, { uuid }), await startBareQemu(t, { uuid })];
  const driver = await driverOf(t, listed('db1', first), listed('clone', second));
  assert.deepEqual(
    (await driver.inventory()).map((each) => each.problem),
    ['guest-ambiguous', 'guest-ambiguous'],
  );
  await assert.rejects(driver.guest(guestId(uuid)), { code: 'guest-ambiguous', message: /db1 and clone/ });
});

it('a QEMU that claims the id of a guest that the host knew is refused alone, by a later worker too, and when that guest is off', async (t) => {
  const [stateDir, elsewhere] = [await temporaryFolder(t), await temporaryFolder(t)];
  const victim = await startBareQemu(t);
  const sources = [listed('db1', victim), listed('evil', { monitor: join(elsewhere, 'qmp.sock') })];
  const problems = async (driver: ReturnType<typeof driverOn>) => (await driver.inventory()).map((each) => each.problem);
  const driver = driverOn(stateDir, ...sources);
  assert.deepEqual(await problems(driver), [null, 'monitor-unreachable']);
  await startBareQemu(t, { uuid: victim.uuid, directory: elsewhere });
  for (const worker of [driver, driverOn(stateDir, ...sources.toReversed())]) {
    assert.deepEqual(
      (await problems(worker)).filter((each) => each !== null),
      ['guest-ambiguous'],
    );
    assert.equal((await worker.guest(guestId(victim.uuid))).name, 'db1');
  }
  await victim.kill();
  assert.deepEqual(await problems(driver), ['monitor-unreachable', 'guest-ambiguous']);
  await assert.rejects(driver.guest(guestId(victim.uuid)), { message: /db1/ });
});

it('an id that the host’s file gives to a guest is taken by no other, and a guest may move to another socket', async (t) => {
  const first = await startBareQemu(t);
  const named = await driverOf(t, listed('claims', first), listed('db1', await startBareQemu(t), first.uuid));
  assert.equal((await named.guest(guestId(first.uuid))).name, 'db1');
  const stateDir = await temporaryFolder(t);
  await driverOn(stateDir, listed('old', first)).inventory();
  const moved = driverOn(stateDir, listed('new', await startBareQemu(t, { uuid: first.uuid })));
  assert.equal((await moved.guest(guestId(first.uuid))).name, 'new');
});

it('the driver says that another program holds the monitor, and finds the guest again when it has let go', async (t) => {
  const qemu = await startBareQemu(t);
  const other = await openMonitor({ path: qemu.monitor });
  t.after(() => other.close());
  const driver = await driverOf(t, listed('db1', qemu));
  const [listing] = await driver.inventory();
  assert.deepEqual({ state: listing!.state, problem: listing!.problem }, { state: 'unreachable', problem: 'monitor-held' });
  other.close();
  assert.equal((await driver.guest(guestId(qemu.uuid))).name, 'db1');
});

it('the driver knows by its last id a guest that has ended, and does not take another one for it', async (t) => {
  const directory = await temporaryFolder(t);
  const driver = await driverOf(t, listed('db1', { monitor: join(directory, 'qmp.sock') }));
  const qemu = await startBareQemu(t, { directory });
  await driver.guest(guestId(qemu.uuid));
  await qemu.kill();
  await assert.rejects(driver.guest(guestId(qemu.uuid)), { code: 'monitor-unreachable', message: /db1/ });
  assert.equal((await driver.inventory())[0]!.id, qemu.uuid);
  await startBareQemu(t, { directory, disks: [] });
  await assert.rejects(driver.guest(guestId(qemu.uuid)), { code: 'guest-unknown' });
});

it('a later worker knows the last id of a guest whose QEMU does not answer, since a thaw may be owed to it', async (t) => {
  const [stateDir, directory] = [await temporaryFolder(t), await temporaryFolder(t)];
  const source = listed('db1', { monitor: join(directory, 'qmp.sock') });
  const idSeen = async () => (await driverOn(stateDir, source).inventory())[0]!.id;
  const [one, other] = [randomUUID(), randomUUID()];
  for (const uuid of [one, other, one]) {
    const qemu = await startBareQemu(t, { directory, uuid, disks: [] });
    assert.equal(await idSeen(), uuid);
    await qemu.kill();
    assert.equal(await idSeen(), uuid);
  }
});

it('the driver does not know the id of a guest that has not answered yet, unless the file gives one', async (t) => {
  const directory = await temporaryFolder(t);
  const off = { monitor: join(directory, 'qmp.sock') };
  const driver = await driverOf(t, listed('db1', off));
  const [listing] = await driver.inventory();
  assert.deepEqual([listing!.id, listing!.problem], [null, 'monitor-unreachable']);
  const named = await driverOf(t, listed('db1', off, 'db-eu-1'));
  assert.equal((await named.inventory())[0]!.id, 'db-eu-1');
  const qemu = await startBareQemu(t, { directory });
  assert.equal((await driver.inventory())[0]!.id, qemu.uuid);
});

it('the driver lets all its users of a monitor share the one connection that QEMU serves', async (t) => {
  const qemu = await startBareQemu(t);
  const driver = await driverOf(t, listed('db1', qemu));
  const guest = await driver.guest(guestId(qemu.uuid));
  const watches = await Promise.all([driver.watch(guest), driver.watch(guest), driver.inventory()]);
  assert.equal(watches[2][0]!.problem, null);
  await watches[0].close();
  assert.equal((await driver.guest(guestId(qemu.uuid))).id, qemu.uuid);
  await watches[1].close();
});

it('the driver reports a paused guest, and every stop, resume, reset and end', async (t) => {
  const qemu = await startBareQemu(t);
  const driver = await driverOf(t, listed('db1', qemu));
  await qemu.control.execute('cont');
  await qemu.control.execute('stop');
  const guest = await driver.guest(guestId(qemu.uuid));
  const watch = await driver.watch(guest);
  assert.equal(watch.state, 'paused');
  assert.equal(watch.migrating, false);
  // Not listened to yet: what happens between the look and the first listener is not lost.
  await qemu.control.execute('cont');
  const told = eventsUntil('gone', watch);
  await qemu.control.execute('stop');
  await qemu.control.execute('system_reset');
  await qemu.control.execute('cont');
  await qemu.control.execute('quit');
  const seen = (await told).filter((event, index, all) => event !== all[index - 1]);
  assert.deepEqual(seen, ['resume', 'stop', 'reset', 'resume', 'shutdown', 'gone']);
  await watch.close();
});

it('the driver reports a migration when it begins, while the guest still runs', async (t) => {
  const qemu = await startBareQemu(t);
  const driver = await driverOf(t, listed('db1', qemu));
  await qemu.control.execute('cont');
  const guest = await driver.guest(guestId(qemu.uuid));
  const watch = await driver.watch(guest);
  const told = eventsUntil('migration', watch);
  // Slow enough to be under way for the rest of the test.
  await qemu.control.execute('migrate-set-parameters', { 'max-bandwidth': 1024 });
  await qemu.control.execute('migrate', { uri: 'exec:cat >/dev/null' });
  assert.deepEqual(await told, ['migration']);
  const later = await driver.watch(guest);
  assert.equal(later.migrating, true);
  await later.close();
  await watch.close();
});

it('the driver reports when the monitor is gone', async (t) => {
  const qemu = await startBareQemu(t);
  const driver = await driverOf(t, listed('db1', qemu));
  const watch = await driver.watch(await driver.guest(guestId(qemu.uuid)));
  const told = eventsUntil('gone', watch);
  await qemu.kill();
  assert.deepEqual(await told, ['gone']);
  await watch.close();
});
