/** Points in time against a real QEMU: what a reader of the export sees, what is left behind, and what is refused before a freeze. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { ScratchConfig } from '../../../../host/config.ts';
import type { PointExports } from '../../../../host/drivers/driver.ts';
import { createQemuDriver } from '../../../../host/drivers/qemu/driver.ts';
import { startMonitorProxy } from '../../../../infra/lab/monitor-proxy.ts';
import { run } from '../../../../lib/run.ts';
import { defaultWindowLimits } from '../../../../model/window/lease.ts';
import { startBareQemu, type BareQemu, type BareQemuOptions } from '../../../fixtures/qemu.ts';
import { backupId, guestId, hostId } from '../../../../model/ids.ts';
import { temporaryFolder } from '../../../support/folder.ts';
import { forged } from '../../../support/forged.ts';

const backup = '20260101T020000-1a2b3c4d';
const mib = 2 ** 20;

/** A host with one guest; `restarted` is a second worker on the same state. */
async function hostWith(t: TestContext, { scratch = {}, ...options }: BareQemuOptions & { scratch?: Partial<ScratchConfig> }) {
  const root = await temporaryFolder(t);
  const qemu = await startBareQemu(t, options);
  const config = {
    host: hostId('h'),
    guests: [{ kind: 'listed' as const, name: 'db1', id: undefined, channel: 'none', monitor: qemu.monitor, carries: [] }],
    limits: defaultWindowLimits,
    scratch: { path: join(root, 'scratch'), limitBytes: undefined, marginBytes: mib, ...scratch },
    repositories: {},
    snapshots: {},
  };
  const restarted = () => createQemuDriver({ config, stateDir: join(root, 'state'), log: () => {} });
  const driver = restarted();
  const guest = await driver.guest(guestId(qemu.uuid));
  const leftOnDisk = async () => [
    ...(await readdir(config.scratch.path).catch(() => [])),
    ...(await readdir(join(root, 'state', 'points-in-time')).catch(() => [])),
  ];
  const assertNothingLeft = async () => {
    assert.deepEqual(await qemu.ours(), []);
    assert.deepEqual(await leftOnDisk(), []);
    // The server is gone too: it can be started again.
    const path = join(qemu.directory, 'after.sock');
    await qemu.control.execute('nbd-server-start', { addr: { type: 'unix', data: { path } } });
    await qemu.control.execute('nbd-server-stop');
  };
  return { qemu, driver, guest, points: driver.pointInTime, restarted, config, leftOnDisk, assertNothingLeft };
}

/** What a reader of each export sees. */
async function read(t: TestContext, exports: PointExports): Promise<Buffer[]> {
  const directory = await temporaryFolder(t);
  const contents: Buffer[] = [];
  for (const { name } of exports.disks) {
    const path = join(directory, name);
    const uri = `nbd+unix:///${name}?socket=/proc/self/fd/3`;
    await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, path], { descriptors: [exports.socket] });
    contents.push(await readFile(path));
  }
  return contents;
}

async function serveForeign(qemu: BareQemu): Promise<string> {
  const path = join(qemu.directory, 'foreign.sock');
  await qemu.control.execute('nbd-server-start', { addr: { type: 'unix', data: { path } } });
  return path;
}

it('a point in time shows every disk as it was, although the guest writes afterwards', async (t) => {
  const { qemu, points, guest, assertNothingLeft } = await hostWith(t, { disks: [8, 4] });
  await qemu.write(0, 7, 0, 2);
  await qemu.write(1, 8, 3, 1);
  const prepared = await points.prepare(guest, backupId(backup), null);
  assert.deepEqual(prepared.disks, [
    { name: 'disk0', device: 'd0', bytes: 8 * mib },
    { name: 'disk1', device: 'd1', bytes: 4 * mib },
  ]);
  // Prepared is not yet taken: this write belongs to the point in time.
  await qemu.write(0, 9, 1, 1);
  await prepared.begin();
  const then = await Promise.all(qemu.disks.map((path) => readFile(path)));
  await qemu.write(0, 1, 0, 8);
  await qemu.write(1, 2, 0, 4);
  const exports = await points.exports(guest, backupId(backup));
  const seen = await read(t, exports);
  assert.ok(seen[0]!.equals(then[0]!) && seen[1]!.equals(then[1]!), 'the exports show the point in time');
  await qemu.write(0, 3, 4, 4);
  assert.ok((await read(t, exports))[0]!.equals(then[0]!));
  await points.verify(guest, backupId(backup));
  await exports.close();
  await points.end(guest.id, { backup: backupId(backup) });
  await assertNothingLeft();
});

it('a point in time leaves read-only disks out and says so', async (t) => {
  const directory = await temporaryFolder(t);
  const cd = `driver=null-co,node-name=cd,read-zeroes=on,size=${mib},read-only=on`;
  const extra = ['-blockdev', cd, '-device', 'virtio-scsi-pci', '-device', 'scsi-cd,drive=cd,id=cd0'];
  const { points, guest } = await hostWith(t, { directory, extra });
  const prepared = await points.prepare(guest, backupId(backup), null);
  assert.equal(prepared.disks.length, 1);
  assert.match(prepared.skipped.join(), /^\S*cd0\S* read-only$/);
  await prepared.abandon();
});

it('a point in time gives everything back when the freeze did not come', async (t) => {
  const { points, guest, leftOnDisk, assertNothingLeft } = await hostWith(t, {});
  const prepared = await points.prepare(guest, backupId(backup), null);
  assert.notDeepEqual(await leftOnDisk(), []);
  await prepared.abandon();
  await prepared.abandon();
  await assertNothingLeft();
});

it('a point in time reserves scratch in full before the freeze where it fits', async (t) => {
  const { points, guest, config } = await hostWith(t, { disks: [16] });
  await points.prepare(guest, backupId(backup), null);
  const { blocks } = await stat(join(config.scratch.path, backup, 'disk0.qcow2'));
  assert.ok(blocks * 512 >= 16 * mib, `${blocks * 512} bytes are reserved`);
  await points.end(guest.id, { backup: backupId(backup) });
});

it('a point in time repeats each step without harm', async (t) => {
  const { qemu, points, guest, assertNothingLeft } = await hostWith(t, {});
  await points.prepare(guest, backupId(backup), null);
  const prepared = await points.prepare(guest, backupId(backup), null);
  await prepared.begin();
  await qemu.write(0, 5, 0, 1);
  const first = await points.exports(guest, backupId(backup));
  const second = await points.exports(guest, backupId(backup));
  const names = (exports: PointExports) => exports.disks.map(({ name, device, bytes }) => ({ name, device, bytes }));
  assert.deepEqual(names(first), names(second));
  assert.deepEqual((await read(t, second))[0], Buffer.alloc(8 * mib));
  await first.close();
  await second.close();
  await points.end(guest.id, { backup: backupId(backup) });
  await points.end(guest.id, { backup: backupId(backup) });
  await assertNothingLeft();
});

it('a point in time refuses before the freeze when scratch has no room, with the figures and what to do', async (t) => {
  const { points, guest, assertNothingLeft } = await hostWith(t, {
    disks: [64],
    scratch: { limitBytes: 3 * mib, marginBytes: 4 * mib, mayRunOut: true },
  });
  await assert.rejects(points.prepare(guest, backupId(backup), null), {
    code: 'scratch-no-room',
    message: /room for 3\.0 MiB.*margin of 4\.0 MiB.*65\.0 MiB.*scratch\.limit/s,
  });
  await assertNothingLeft();
});

it('a point in time counts what other points in time have reserved, also when both are prepared at once', async (t) => {
  const limits = { limitBytes: 20 * mib, marginBytes: 8 * mib };
  const { guest, qemu, config, restarted } = await hostWith(t, { disks: [10], scratch: limits });
  const other = await startBareQemu(t, { disks: [10] });
  config.guests.push({ ...config.guests[0]!, name: 'db2', monitor: other.monitor });
  const { guest: find, pointInTime: points } = restarted();
  const guests = [guest, await find(guestId(other.uuid))];
  const results = await Promise.allSettled(
    guests.map((each, index) => points.prepare(each, backupId(`${backup.slice(0, -1)}${index}`), null)),
  );
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  const refused = results.find((each) => each.status === 'rejected')!;
  assert.equal((refused.reason as { code: string }).code, 'scratch-no-room');
  for (const each of results) if (each.status === 'fulfilled') await each.value.abandon();
  assert.deepEqual([...(await qemu.ours()), ...(await other.ours())], []);
  for (const each of guests) await (await points.prepare(each, backupId(backup), null)).abandon();
});

for (const watched of [true, false]) {
  it(`a point in time gives the backup up at the threshold and never the guest's writes, ${watched ? 'while it is read' : 'without a reader'}`, async (t) => {
    const scratch = { limitBytes: 16 * mib, marginBytes: 12 * mib, mayRunOut: true };
    const { qemu, points, guest, assertNothingLeft } = await hostWith(t, { disks: [64], scratch });
    await qemu.write(0, 7, 0, 32);
    const prepared = await points.prepare(guest, backupId(backup), null);
    await prepared.begin();
    const exports = watched ? await points.exports(guest, backupId(backup)) : undefined;
    const givenUp = new Promise<void>((resolve) =>
      qemu.control.onEvent(({ name, data }) => name === 'JOB_STATUS_CHANGE' && data.status === 'concluded' && resolve()),
    );
    await qemu.write(0, 8, 0, 2);
    await points.verify(guest, backupId(backup));
    await qemu.write(0, 8, 2, 4);
    if (exports) await assert.rejects(exports.lost, { code: 'scratch-exhausted', message: /scratch more room/ });
    await givenUp;
    // Far past what scratch could hold.
    await qemu.write(0, 9, 0, 32);
    await assert.rejects(points.verify(guest, backupId(backup)), { code: 'scratch-exhausted' });
    await exports?.close();
    await points.end(guest.id, { backup: backupId(backup) });
    await assertNothingLeft();
  });
}

it('scratch that cannot be reserved in full is refused before the freeze, unless the host’s file accepts that', async (t) => {
  const scratch = { limitBytes: 16 * mib, marginBytes: 4 * mib };
  const { points, guest, config, restarted, assertNothingLeft } = await hostWith(t, { disks: [64], scratch });
  await assert.rejects(points.prepare(guest, backupId(backup), null), {
    code: 'scratch-no-room',
    message: /room for 16\.0 MiB.*disks take 65\.0 MiB.*scratch\.reserve: partial/s,
  });
  await assertNothingLeft();
  Object.assign(config.scratch, { mayRunOut: true });
  const next = restarted();
  const prepared = await next.pointInTime.prepare(await next.guest(guest.id), backupId(backup), null);
  await prepared.abandon();
});

it('a worker that starts gives up a point in time whose scratch went past its threshold while nobody watched it', async (t) => {
  const scratch = { limitBytes: 16 * mib, marginBytes: 12 * mib, mayRunOut: true };
  const { qemu, config, restarted, assertNothingLeft } = await hostWith(t, { disks: [64], scratch });
  const path = join(await temporaryFolder(t), 'monitor');
  await qemu.write(0, 7, 0, 32);
  const first = await startMonitorProxy(path, qemu.monitor);
  config.guests[0]!.monitor = path;
  const dead = restarted();
  const guest = await dead.guest(guestId(qemu.uuid));
  await (await dead.pointInTime.prepare(guest, backupId(backup), null)).begin();
  // As the kernel does for a worker that dies.
  await first.close();
  await qemu.write(0, 8, 0, 6);
  const second = await startMonitorProxy(path, qemu.monitor);
  t.after(() => second.close());
  const givenUp = new Promise<void>((resolve) =>
    qemu.control.onEvent(({ name, data }) => name === 'JOB_STATUS_CHANGE' && data.status === 'concluded' && resolve()),
  );
  const next = restarted();
  await next.pointInTime.guard();
  await givenUp;
  // Far past what scratch could hold.
  await qemu.write(0, 9, 0, 32);
  await next.guest(guest.id);
  await next.pointInTime.end(guest.id, { backup: backupId(backup) });
  await assertNothingLeft();
});

it('a point in time refuses a scratch directory that QEMU cannot write to, in its own words, and leaves nothing behind', async (t) => {
  const asRoot = process.getuid!() === 0;
  const { config, points, guest, qemu, leftOnDisk, assertNothingLeft } = await hostWith(t, asRoot ? await asNobody(t) : {});
  await mkdir(config.scratch.path, { mode: asRoot ? 0o700 : 0o500 });
  await assert.rejects(points.prepare(guest, backupId(backup), null), (error: { code: string; message: string }) => {
    assert.equal(error.code, 'scratch-unwritable');
    assert.ok(error.message.includes(config.scratch.path) && /permission denied/i.test(error.message), error.message);
    return true;
  });
  assert.deepEqual([...(await qemu.ours()), ...(await leftOnDisk())], []);
  if (!asRoot) await assertNothingLeft();
});

async function asNobody(t: TestContext): Promise<BareQemuOptions> {
  const directory = await temporaryFolder(t);
  await chmod(directory, 0o777);
  return { directory, user: 'nobody' };
}

it('a point in time names a foreign NBD server and a foreign job, and leaves them alone', async (t) => {
  const { qemu, points, guest, leftOnDisk } = await hostWith(t, {});
  const path = await serveForeign(qemu);
  await assert.rejects(points.prepare(guest, backupId(backup), null), {
    code: 'point-in-time-failed',
    message: /NBD server that is not Stillframe/,
  });
  await qemu.control.execute('block-export-add', { type: 'nbd', id: 'theirs', 'node-name': 'd0', name: 'x' });
  await assert.rejects(points.prepare(guest, backupId(backup), null), { code: 'point-in-time-failed', message: /"theirs"/ });
  await points.end(guest.id, { backup: backupId(backup) });
  const connection = createConnection(path);
  await once(connection, 'data');
  connection.destroy();
  await qemu.control.execute('nbd-server-stop');

  const target = { driver: 'null-co', 'node-name': 'target', size: 8 * mib, 'read-zeroes': true };
  await qemu.control.execute('blockdev-add', target);
  await qemu.control.execute('blockdev-backup', { 'job-id': 'their-job', device: 'd0', target: 'target', sync: 'none' });
  await assert.rejects(points.prepare(guest, backupId(backup), null), {
    code: 'point-in-time-failed',
    message: /"their-job" \(backup\)/,
  });
  assert.deepEqual([...(await qemu.ours()), ...(await leftOnDisk())], []);
  const jobs = (await qemu.control.execute('query-jobs')) as { id: string; status: string }[];
  assert.deepEqual(
    jobs.map(({ id, status }) => ({ id, status })),
    [{ id: 'their-job', status: 'running' }],
  );
});

it('a backup id that is a path is refused at every step, and no directory is touched', async (t) => {
  const { points, guest, config } = await hostWith(t, {});
  const victim = join(config.scratch.path, '..', 'victim');
  await mkdir(join(victim, 'inner'), { recursive: true });
  const path = forged('../victim');
  for (const step of [
    () => points.prepare(guest, path, null),
    () => points.exports(guest, path),
    () => points.verify(guest, path),
    () => points.end(guest.id, { backup: path }),
  ])
    await assert.rejects(step(), { code: 'input-invalid', message: /"\.\.\/victim" is not an id/ });
  assert.deepEqual(await readdir(victim), ['inner']);
});

it('a point in time starts nothing when QEMU refuses the transaction', async (t) => {
  const { qemu, points, guest, assertNothingLeft } = await hostWith(t, { disks: [8, 8] });
  const prepared = await points.prepare(guest, backupId(backup), null);
  const target = { driver: 'null-co', 'node-name': 'target', size: 8 * mib, 'read-zeroes': true };
  await qemu.control.execute('blockdev-add', target);
  await qemu.control.execute('blockdev-backup', { 'job-id': 'late', device: 'd1', target: 'target', sync: 'none' });
  await assert.rejects(prepared.begin(), { code: 'point-in-time-failed', message: /d1|busy|in use/ });
  const jobs = (await qemu.control.execute('query-jobs')) as { id: string }[];
  assert.deepEqual(
    jobs.map(({ id }) => id),
    ['late'],
  );
  await prepared.abandon();
  await assertNothingLeft();
});

it('a point in time is reported lost when its job has ended, because the export then shows live data', async (t) => {
  const { qemu, points, guest, assertNothingLeft } = await hostWith(t, {});
  const prepared = await points.prepare(guest, backupId(backup), null);
  await prepared.begin();
  const exports = await points.exports(guest, backupId(backup));
  await qemu.control.execute('job-cancel', { id: 'sf.1a2b3c4d.j0' });
  await assert.rejects(exports.lost, { code: 'point-in-time-lost' });
  await assert.rejects(points.verify(guest, backupId(backup)), { code: 'point-in-time-lost' });
  await exports.close();
  await points.end(guest.id, { backup: backupId(backup) });
  await assertNothingLeft();
});

it('scratch and records of a QEMU that has ended are removed', async (t) => {
  const { qemu, points, guest, leftOnDisk } = await hostWith(t, {});
  const prepared = await points.prepare(guest, backupId(backup), null);
  await prepared.begin();
  const exports = await points.exports(guest, backupId(backup));
  await qemu.kill();
  await assert.rejects(exports.lost, { code: 'point-in-time-lost', message: /monitor is gone/ });
  await exports.close();
  await points.end(guest.id, { backup: backupId(backup) });
  assert.deepEqual(await leftOnDisk(), []);
  await assert.rejects(points.verify(guest, backupId(backup)), { code: 'point-in-time-lost' });
});

it('a restarted worker finds, reads and ends a point in time of the worker before it', async (t) => {
  const { qemu, points, guest: before, restarted, assertNothingLeft } = await hostWith(t, {});
  await qemu.write(0, 7, 0, 8);
  const prepared = await points.prepare(before, backupId(backup), null);
  await prepared.begin();
  await qemu.write(0, 8, 0, 8);
  const driver = restarted();
  const next = driver.pointInTime;
  assert.deepEqual(await next.leftovers([]), [{ guest: before.id, backup }]);
  const guest = await driver.guest(before.id);
  const exports = await next.exports(guest, backupId(backup));
  assert.deepEqual((await read(t, exports))[0], Buffer.alloc(8 * mib, 7));
  await exports.close();
  await next.end(guest.id, { backup: backupId(backup) });
  await assertNothingLeft();
  assert.deepEqual(await next.leftovers([guest]), []);
});

it('objects in QEMU without a record on disk are ended', async (t) => {
  const { qemu, guest, points, driver } = await hostWith(t, {});
  const scratch = { driver: 'null-co', 'node-name': 'sf.deadbeef.0', size: 8 * mib, 'read-zeroes': true };
  await qemu.control.execute('blockdev-add', scratch);
  assert.deepEqual(await points.leftovers([guest]), [{ guest: guest.id, stem: 'sf.deadbeef' }]);
  await driver.pointInTime.end(guest.id, { stem: 'sf.deadbeef' });
  assert.deepEqual(await qemu.ours(), []);
});
