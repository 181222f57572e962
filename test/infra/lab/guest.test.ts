import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { openMonitor } from '../../../host/channel/monitor.ts';
import { copyDisk } from '../../../infra/lab/disks.ts';
import { startGuest, type LabGuest } from '../../../infra/lab/guest.ts';
import { verifyImages } from '../../../infra/lab/verify.ts';
import { compareWithWriter } from '../../../infra/lab/writer.ts';
import { connectAgent } from './raw-agent.ts';
import { guestId } from '../../../model/ids.ts';
import { makeFolder } from '../../support/folder.ts';

const diskNames = ['disk0', 'disk1'];
let directory: string;
let guest: LabGuest;

function acknowledged({ console }: LabGuest): number[] {
  return diskNames.map((disk) => console.last(disk)!.seq);
}

suite('a lab guest', () => {
  before(async () => {
    directory = await makeFolder();
    guest = await startGuest({ directory, name: 'one' });
  });
  after(async () => {
    await guest.stop();
    await rm(directory, { recursive: true });
  });

  test('a lab guest runs an agent that knows both disks', async () => {
    const agent = await connectAgent(guest.channel);
    assert.deepEqual(await agent.execute('guest-ping'), {});
    const mounts = (await agent.execute('guest-get-fsinfo')) as { mountpoint: string; type: string; name: string }[];
    assert.deepEqual(mounts.map(({ mountpoint, type, name }) => `${name} ${type} ${mountpoint}`).toSorted(), [
      'vda ext4 /data/disk0',
      'vdb xfs /data/disk1',
    ]);
    agent.close();
  });

  test('a lab guest writes one file after the other on each disk', async () => {
    for (const disk of diskNames) {
      const first = await guest.console.nextWrite(disk);
      const second = await guest.console.nextWrite(disk);
      assert.ok(second.seq > first.seq && second.at >= first.at);
    }
  });

  test('a freeze stalls the writers until the thaw, and a copy taken in between mounts without recovery, whole', async () => {
    const agent = await connectAgent(guest.channel);
    guest.console.mark();
    assert.equal(await agent.execute('guest-fsfreeze-freeze'), 2);
    const began = performance.now();
    const safe = acknowledged(guest);
    const images = guest.disks.map(({ filesystem, name }) => ({ filesystem, path: join(directory, `frozen-${name}.raw`) }));
    for (const [index, disk] of guest.disks.entries()) await copyDisk(disk.path, images[index]!.path);
    // Any reply takes its time: many of them make a freeze that no pause of the writers' own could be taken for.
    for (let asked = 0; asked < 500; asked++) assert.equal(await agent.execute('guest-fsfreeze-status'), 'frozen');
    const frozenMs = performance.now() - began;
    assert.equal(await agent.execute('guest-fsfreeze-thaw'), 2);
    await Promise.all(diskNames.map((disk) => guest.console.nextWrite(disk)));
    // The guest's clock gives whole milliseconds, cut off at both ends.
    assert.ok(guest.console.longestStallMs() >= Math.floor(frozenMs) - 1, `${guest.console.longestStallMs()} ms of ${frozenMs}`);
    agent.close();

    const verified = await verifyImages(images);
    for (const [index, { mounted, files }] of verified.entries()) {
      assert.ok(mounted);
      const compared = compareWithWriter(diskNames[index]!, files, safe[index]!);
      assert.deepEqual({ ...compared, files: compared.files > 0 }, { files: true, mismatches: 0, missing: 0 });
    }
  });

  test('a shell beside the agent reports status and both streams, and a hung script does not delay the next', async (t) => {
    const second = await startGuest({ directory, name: 'shell', agent: 'both', spareDisks: 1 });
    t.after(second.stop);
    const agents = await second.shell('pidof qemu-ga stillframe-agent | wc -w; echo no >&2; exit 7');
    assert.deepEqual(agents, { status: 7, output: '2\nno' });
    let over = false;
    const hung = second.shell('fsfreeze --freeze /data/disk0; echo waits >/data/disk0/file').then(() => (over = true));
    const long = 'x'.repeat(10_000);
    assert.equal(
      (await second.shell(`until grep -qs percpu_rwsem_wait /proc/[0-9]*/wchan; do sleep 0.02; done; echo ${long}`)).output,
      long,
    );
    const made = await second.shell(
      `/sbin/mke2fs -q -t ext4 ${second.spares[0]!.device} && mount ${second.spares[0]!.device} /mnt`,
    );
    assert.deepEqual(made, { status: 0, output: '' });
    assert.equal(over, false);
    await second.shell('fsfreeze --unfreeze /data/disk0');
    await hung;
  });

  test('an image that holds no filesystem is reported, not mounted', async () => {
    const path = join(directory, 'empty.raw');
    await copyDisk(guest.disks[0]!.path, path);
    // Over the superblock of ext4 and everything before it.
    const image = await open(path, 'r+');
    await image.write(Buffer.alloc(4096), 0, 4096, 0);
    await image.close();
    const [verified] = await verifyImages([{ path, filesystem: 'ext4' }]);
    assert.deepEqual({ mounted: verified!.mounted, files: verified!.files.size }, { mounted: false, files: 0 });
  });

  test('an agent that dies comes back, and the monitor reports both', async () => {
    const monitor = await openMonitor({ path: guest.monitor });
    const back = Promise.withResolvers<void>();
    const opens: unknown[] = [];
    monitor.onEvent(({ name, data }) => {
      // The agent serves the other port too, port1.
      if (name !== 'VSERPORT_CHANGE' || data.id !== 'port0') return;
      opens.push(data.open);
      if (data.open === true) back.resolve();
    });
    await guest.shell('kill -9 $(pidof stillframe-agent)');
    await back.promise;
    assert.deepEqual(opens, [false, true]);
    const next = await connectAgent(guest.channel);
    assert.deepEqual(await next.execute('guest-ping'), {});
    next.close();
    monitor.close();
  });

  test('a second guest has a uuid and disks of its own, and ends without a trace while the first continues', async (t) => {
    const uuid = '7d5f1a52-60b5-4a0e-8b43-5a2f7a0c9e11';
    const second = await startGuest({ directory, name: 'two', uuid: guestId(uuid) });
    t.after(second.stop);
    const monitor = await openMonitor({ path: second.monitor });
    assert.equal(((await monitor.execute('query-uuid')) as { UUID: string }).UUID, uuid);
    monitor.close();
    const agent = await connectAgent(second.channel);
    await agent.execute('guest-fsfreeze-freeze');
    await Promise.all(diskNames.map((disk) => guest.console.nextWrite(disk)));
    agent.close();
    await second.stop();
    assert.throws(() => process.kill(second.pid, 0), { code: 'ESRCH' });
    assert.equal((await readdir(directory)).includes('two'), false);
    await Promise.all(diskNames.map((disk) => guest.console.nextWrite(disk)));
  });

  test('a guest ends with the process that started it, even when that is killed', async () => {
    const program = `
      import { startGuest } from ${JSON.stringify(join(import.meta.dirname, '../../../infra/lab/guest.ts'))};
      const { witness } = await startGuest({ directory: ${JSON.stringify(directory)}, name: 'orphan' });
      process.stdout.write(witness);`;
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [witness] = (await once(owner.stdout, 'data')) as [Buffer];
    const connection = createConnection(String(witness)).resume();
    await once(connection, 'connect');
    // A process that is killed closes its sockets, or resets them when it had not read everything.
    const gone = new Promise((resolve) => connection.on('error', () => {}).once('close', resolve));
    owner.kill('SIGKILL');
    await gone;
  });
});
