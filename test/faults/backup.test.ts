import assert from 'node:assert/strict';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { ask, labHost, startSite, type Site } from '../../demo/site.ts';
import { openMonitor } from '../../host/channel/monitor.ts';
import { run } from '../../lib/run.ts';
import { handleOf } from '../../client/workflows.ts';
import { verifyImages } from '../../infra/lab/verify.ts';
import { compareWithWriter } from '../../infra/lab/writer.ts';
import { backupGuest } from '../../model/workflows/backup-guest.ts';
import type { RestorePoint } from '../../model/point/point.ts';
import { createRepository, openRepository } from '../../repository/points.ts';
import { leftBehind } from './left-behind.ts';
import { command, startCommand } from './operator.ts';
import { backupId, guestId } from '../../model/ids.ts';
import { makeFolder } from '../support/folder.ts';

let directory: string;
let site: Site;

before(async () => {
  directory = await makeFolder();
  site = await startSite(directory);
});
after(async () => {
  await site?.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => site.whole());

async function points(): Promise<RestorePoint[]> {
  return (await (await openRepository(site.repository)).list()).points;
}

test('a backup is a filesystem point, and its restore holds every file, read without any recovery', async () => {
  const acknowledged = site.guest.disks.map((disk) => site.guest.console.last(disk.name)!.seq);
  const taken = await command(site, 'backup', 'run', 'db1');
  assert.equal(taken.status, 0, taken.stderr);
  const [point] = await points();
  assert.equal(point?.grade, 'filesystem');
  assert.deepEqual(
    point.disks.map((disk) => [disk.filesystem, disk.inspection.result]),
    [
      ['ext4', 'clean'],
      ['xfs', 'clean'],
    ],
  );
  assert.deepEqual(await leftBehind(directory, site), []);

  const target = join(directory, 'restored');
  const restored = await command(site, 'restore', point.id, '--path', site.repository, '--to', target);
  assert.equal(restored.status, 0, restored.stderr);
  const images = site.guest.disks.map((disk) => ({ path: join(target, `${disk.name}.raw`), filesystem: disk.filesystem }));
  await run(['e2fsck', '-fn', images[0]!.path]);
  for (const [index, image] of (await verifyImages(images)).entries()) {
    const compared = compareWithWriter(site.guest.disks[index]!.name, image.files, acknowledged[index]!);
    assert.ok(image.mounted);
    assert.ok(compared.files > 0);
    assert.deepEqual([compared.mismatches, compared.missing], [0, 0]);
  }
});

test('a repository that is missing or another one is refused before the guest is frozen', async () => {
  const epoch = async () => (await site.journal.latest(guestId(site.guest.uuid)))!.epoch;
  const before = await epoch();
  const refused = async (said: RegExp) => {
    const { status, stderr } = await command(site, 'backup', 'run', 'db1');
    assert.equal(status, 4, stderr);
    assert.match(stderr, said);
  };
  const unmounted = `${site.repository}.unmounted`;
  await rename(site.repository, unmounted);
  await refused(/is not a repository: mount the disk/);
  await mkdir(site.repository);
  await refused(/is not a repository: mount the disk/);
  await createRepository(site.repository);
  await refused(/mount that one, or accept the new one with "stillframe repository forget main"/);
  await rm(site.repository, { recursive: true });
  await rename(unmounted, site.repository);
  assert.equal(await epoch(), before);
  assert.deepEqual(await leftBehind(directory, site), []);
});

test('a second backup of a guest is refused while one runs, and Ctrl-C leaves that one running', async () => {
  const hold = site.proxy.hold('block-export-add');
  const first = await startCommand(site, ['backup', 'run', 'db1']);
  await hold.seen;
  const second = await command(site, 'backup', 'run', 'db1');
  assert.equal(second.status, 4);
  assert.match(second.stderr, /already|runs/);
  assert.match(second.stderr, /backup follow/);
  first.child.kill('SIGINT');
  const left = await first.done;
  assert.equal(left.status, 130);
  assert.match(left.stdout + left.stderr, /background/);
  hold.release();
  const before = (await points()).length;
  await handleOf(site.client, backupGuest, { guest: guestId(site.guest.uuid) }).result();
  assert.equal((await points()).length, before + 1);
});

test('a worker that dies in the middle of a copy is followed by one that reads the same point in time to its end', async () => {
  const before = (await points()).length;
  const hold = site.proxy.hold('block-export-add');
  const backup = await startCommand(site, ['backup', 'run', 'db1']);
  await hold.seen;
  process.kill(await site.hostWorker(), 'SIGKILL');
  hold.release();
  const ended = await backup.done;
  assert.equal(ended.status, 0, ended.stderr);
  assert.equal((await points()).length, before + 1);
  assert.deepEqual(await leftBehind(directory, site), []);
});

test('a backup that is cancelled while it copies leaves nothing behind', async () => {
  const before = (await points()).length;
  const hold = site.proxy.hold('block-export-add');
  const backup = await startCommand(site, ['backup', 'run', 'db1']);
  await hold.seen;
  await handleOf(site.client, backupGuest, { guest: guestId(site.guest.uuid) }).cancel();
  hold.release();
  const ended = await backup.done;
  assert.equal(ended.status, 1, ended.stderr);
  assert.equal((await points()).length, before);
  assert.deepEqual(await leftBehind(directory, site), []);
});

test('a point in time that is lost while it is copied fails the backup, and the guest keeps running', async () => {
  const before = (await points()).length;
  const hold = site.proxy.hold('block-export-add');
  const backup = await startCommand(site, ['backup', 'run', 'db1']);
  await hold.seen;
  const monitor = await openMonitor({ path: site.guest.witness });
  const [job] = (await monitor.execute('query-jobs')) as { id: string }[];
  await monitor.execute('job-cancel', { id: job!.id });
  monitor.close();
  hold.release();
  const ended = await backup.done;
  assert.equal(ended.status, 5, ended.stderr);
  assert.match(ended.stderr, /point in time .* is lost/);
  assert.equal((await points()).length, before);
  assert.deepEqual(await leftBehind(directory, site), []);
  await site.guest.console.nextWrite('disk0');
});

test('a freeze by hand has a lease, shows in the status, and is undone by hand', async () => {
  const frozen = await command(site, 'guest', 'freeze', 'db1', '--lease', '20s');
  assert.equal(frozen.status, 0, frozen.stderr);
  assert.match(frozen.stdout, /20(\.0)? s/);
  const status = await command(site, 'guest', 'status', 'db1');
  assert.equal(status.status, 0, status.stderr);
  assert.match(status.stdout, /agent says +frozen/);
  const thawed = await command(site, 'guest', 'thaw', 'db1');
  assert.equal(thawed.status, 0, thawed.stderr);
  await site.guest.console.nextWrite('disk0');
  assert.match((await command(site, 'guest', 'status', 'db1')).stdout, /thawed/);
});

test('thaw --local ends a held window without a server', async () => {
  await command(site, 'guest', 'freeze', 'db1', '--lease', '20s');
  const thawed = await command(site, 'thaw', '--local', '--json');
  assert.equal(thawed.status, 0, thawed.stderr);
  await site.guest.console.nextWrite('disk1');
  assert.deepEqual((await site.journal.openIntents()).intents, []);
});

test('an unknown guest is answered with near names, a lease above the cap with the cap', async () => {
  const unknown = await command(site, 'backup', 'run', 'bd1');
  assert.equal(unknown.status, 2, unknown.stderr);
  assert.match(unknown.stderr, /db1/);
  const long = await command(site, 'backup', 'run', 'db1', '--lease', '31s');
  assert.equal(long.status, 4, long.stderr);
  assert.match(long.stderr, /30/);
});

test('a thaw is taken up while twenty questions to a guest that hangs still wait for their answers', async () => {
  const monitor = await openMonitor({ path: site.guest.witness });
  await monitor.execute('stop');
  const guest = guestId(site.guest.uuid);
  let waiting = 20;
  const questions = Array.from({ length: waiting }, (_, n) =>
    ask(site.client, { guest, host: labHost, command: 'ping', backup: backupId(`hung-${n}`) })
      .catch(() => {})
      .finally(() => waiting--),
  );
  const unknown = { guest: guestId('other'), host: labHost, command: 'thaw' as const, backup: backupId('other-thaw') };
  await assert.rejects(ask(site.client, unknown));
  assert.ok(waiting > 0, 'the host has answered while questions waited');
  await monitor.execute('cont');
  monitor.close();
  await Promise.all(questions);
});

test('a paused guest is refused before anything is frozen', async () => {
  const monitor = await openMonitor({ path: site.guest.witness });
  await monitor.execute('stop');
  const paused = await command(site, 'backup', 'run', 'db1');
  assert.equal(paused.status, 6, paused.stderr);
  assert.match(paused.stderr, /paused/);
  await monitor.execute('cont');
  monitor.close();
  assert.deepEqual(await leftBehind(directory, site), []);
});
