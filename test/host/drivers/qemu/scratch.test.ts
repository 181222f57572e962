/** Scratch belongs to the user that QEMU runs as: what that user puts there, or writes into a record, leads the host nowhere else. */

import assert from 'node:assert/strict';
import { chmod, chown, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { createQemuDriver } from '../../../../host/drivers/qemu/driver.ts';
import { run } from '../../../../lib/run.ts';
import { isStillframeError } from '../../../../model/errors.ts';
import { backupId, guestId } from '../../../../model/ids.ts';
import { startFakeMonitor } from '../../../fakes/fake-monitor.ts';
import { startBareQemu } from '../../../fixtures/qemu.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const backup = backupId('20260101T020000-1a2b3c4d');
const mib = 2 ** 20;

/** A host whose scratch belongs to another user where the test may become one; `monitor` is the one that its file names. */
async function hostOn(t: TestContext, monitor: string) {
  const root = await temporaryFolder(t);
  await chmod(root, 0o711);
  const scratch = join(root, 'scratch');
  await mkdir(scratch, { mode: 0o700 });
  if (process.getuid!() === 0)
    await chown(scratch, Number(await run(['id', '-u', 'nobody'])), Number(await run(['id', '-g', 'nobody'])));
  const stateDir = join(root, 'state');
  const driver = createQemuDriver({
    config: {
      guests: [{ kind: 'listed' as const, name: 'db1', id: undefined, channel: 'none', monitor, carries: [] }],
      scratch: { path: scratch, limitBytes: undefined, marginBytes: mib },
    },
    stateDir,
    log: () => {},
  });
  return { root, scratch, stateDir, driver, points: driver.pointInTime };
}

/** A QEMU in the hands of an attacker: it answers what a healthy one answers, and does `onServer` when its NBD server is to start. */
async function hostileQemu(t: TestContext, onServer: (socket: string) => Promise<void>) {
  const fake = await startFakeMonitor();
  t.after(() => fake.stop());
  const uuid = '11111111-1111-4111-8111-111111111111';
  fake.on('query-uuid', () => ({ UUID: uuid }));
  fake.on('query-status', () => ({ status: 'running' }));
  fake.on('query-block', () => [
    { device: 'd0', inserted: { ro: false, 'node-name': 'd0', image: { 'virtual-size': 8 * mib } } },
  ]);
  for (const query of ['query-block-jobs', 'query-block-exports', 'query-jobs', 'query-named-block-nodes', 'query-qmp-schema'])
    fake.on(query, () => []);
  fake.on('nbd-server-start', async ({ addr }) => {
    await onServer((addr as { data: { path: string } }).data.path);
    return {};
  });
  return { path: fake.path, guest: guestId(uuid) };
}

it('a link in the place of a scratch image makes and changes nothing outside of scratch', async (t) => {
  const victims = await temporaryFolder(t);
  await chmod(victims, 0o500);
  const victim = join(victims, 'cron');
  const qemu = await hostileQemu(t, (socket) => symlink(victim, join(socket, '../disk0.qcow2')));
  const { driver, points } = await hostOn(t, qemu.path);
  await assert.rejects(points.prepare(await driver.guest(qemu.guest), backup, null), { code: 'scratch-unwritable' });
  await assert.rejects(stat(victim), { code: 'ENOENT' });
});

it('scratch of the host itself that QEMU may write is refused: its own directory there could be exchanged for another', async (t) => {
  const victims = await temporaryFolder(t);
  const qemu = await hostileQemu(t, async (socket) => {
    const made = join(socket, '..');
    await rename(made, `${made}.moved`);
    await symlink(victims, made);
  });
  const { scratch, driver, points } = await hostOn(t, qemu.path);
  await chown(scratch, process.getuid!(), process.getgid!());
  await chmod(scratch, 0o777);
  const error = await points.prepare(await driver.guest(qemu.guest), backup, null).catch((each: unknown) => each);
  assert.deepEqual(await readdir(victims), []);
  assert.ok(isStillframeError(error, 'scratch-unwritable'));
  assert.match(error.message, /can be written by other users: run "chmod go-w /);
});

it('scratch in a directory that other users can write is refused: they could put a link in its place', async (t) => {
  const qemu = await startBareQemu(t, {});
  const { root, scratch, driver, points } = await hostOn(t, qemu.monitor);
  await chmod(root, 0o777);
  await assert.rejects(points.prepare(await driver.guest(guestId(qemu.uuid)), backup, null), {
    code: 'scratch-unwritable',
    message: /can be written by other users: run "chmod go-w .*, or move scratch\.path/,
  });
  assert.deepEqual(await readdir(scratch), []);
});

it('a directory that stands already where scratch is to be made is refused, and left as it is', async (t) => {
  const qemu = await startBareQemu(t, {});
  const { scratch, driver, points } = await hostOn(t, qemu.monitor);
  await mkdir(join(scratch, backup));
  await writeFile(join(scratch, backup, 'theirs'), 'untouched');
  await assert.rejects(points.prepare(await driver.guest(guestId(qemu.uuid)), backup, null), { code: 'scratch-unwritable' });
  assert.equal(await readFile(join(scratch, backup, 'theirs'), 'utf8'), 'untouched');
  await points.end(guestId(qemu.uuid), { backup });
  assert.equal(await readFile(join(scratch, backup, 'theirs'), 'utf8'), 'untouched');
});

it('a record cannot say which directory is deleted', async (t) => {
  const qemu = await startBareQemu(t, {});
  const { root, stateDir, driver, points } = await hostOn(t, qemu.monitor);
  const { id } = await driver.guest(guestId(qemu.uuid));
  const victim = join(root, 'victim');
  await mkdir(victim);
  await mkdir(join(stateDir, 'points-in-time'), { recursive: true });
  const record = { backup, guest: id, monitor: qemu.monitor, directory: victim, socket: join(victim, 's'), disks: [] };
  await writeFile(join(stateDir, 'points-in-time', `${backup}.json`), JSON.stringify(record));
  await points.end(id, { backup });
  assert.ok((await stat(victim)).isDirectory());
});

it('a request for another guest does not end the point in time of this one', async (t) => {
  const qemu = await startBareQemu(t, { user: process.getuid!() === 0 ? 'nobody' : undefined, directory: await open(t) });
  const { driver, points } = await hostOn(t, qemu.monitor);
  const guest = await driver.guest(guestId(qemu.uuid));
  const prepared = await points.prepare(guest, backup, null);
  const other = guestId('22222222-2222-4222-8222-222222222222');
  await assert.rejects(points.end(other, { backup }), { code: 'input-invalid', message: /is of guest .*, not of 2222/ });
  await prepared.begin();
  await points.verify(guest, backup);
  await points.end(guest.id, { backup });
});

it('a copy reads from the socket that this QEMU made, and not from what was put in its place', async (t) => {
  const qemu = await startBareQemu(t, { user: process.getuid!() === 0 ? 'nobody' : undefined, directory: await open(t) });
  const { root, scratch, driver, points } = await hostOn(t, qemu.monitor);
  const guest = await driver.guest(guestId(qemu.uuid));
  const prepared = await points.prepare(guest, backup, null);
  await prepared.begin();
  const socket = join(scratch, backup, 'nbd');
  const exports = await points.exports(guest, backup);
  const other = join(root, 'nbd');
  const server = createServer().listen(other);
  t.after(() => server.close());
  await rename(socket, `${socket}.moved`);
  await symlink(other, socket);
  const image = join(root, 'image.raw');
  const uri = `nbd+unix:///${exports.disks[0]!.name}?socket=/proc/self/fd/3`;
  await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, image], { descriptors: [exports.socket] });
  assert.equal((await stat(image)).size, 8 * mib);
  await exports.close();
  await assert.rejects(points.exports(guest, backup), { code: 'point-in-time-lost', message: /is not a socket/ });
  // Nor by a link in the place of the directory.
  await rename(join(scratch, backup), join(scratch, 'moved'));
  await symlink(root, join(scratch, backup));
  await assert.rejects(points.exports(guest, backup), { code: 'point-in-time-lost' });
  await points.end(guest.id, { backup });
});

/** A directory in which a QEMU of any user can make its sockets. */
async function open(t: TestContext): Promise<string> {
  const directory = await temporaryFolder(t);
  await chmod(directory, 0o777);
  return directory;
}
