/** guest-get-disks, guest-get-fsinfo and guest-fstrim: what lies on what, how full, and what is given back. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import type { FilesystemSize, SystemError } from '../../../../agent/core/platform.ts';
import { systemError } from '../../../../agent/platform/node/system-error.ts';
import { fstrim } from '../../../../protocol/agent/commands/guest-fstrim.ts';
import { getDisks } from '../../../../protocol/agent/commands/guest-get-disks.ts';
import { getFsinfo } from '../../../../protocol/agent/commands/guest-get-fsinfo.ts';
import { type Json, type JsonObject } from '../../../../protocol/json.ts';
import { onMachine } from './machine.ts';

import { disksMachine, virtio, type Disk } from './disks-machine.ts';

suite('guest-get-disks', () => {
  it('guest-get-disks lists disks and partitions with the devices below them, the last first', async (t) => {
    const dm: Disk = {
      path: '/virtual/block/dm-0',
      number: '253:0',
      slaves: ['vda'],
      files: { '/virtual/block/dm-0/dm/name': 'vg-root\n' },
    };
    const stage = disksMachine(t, [virtio, dm]);
    const disks = await stage.ask(getDisks, undefined);
    assert.deepEqual(
      disks
        .map(({ name, partition, dependencies, alias }) => ({ name, partition, dependencies, alias }))
        .toSorted((one, other) => one.name.localeCompare(other.name)),
      [
        { name: '/dev/dm-0', partition: false, dependencies: ['/dev/vda'], alias: 'vg-root' },
        { name: '/dev/vda', partition: false, dependencies: undefined, alias: undefined },
        { name: '/dev/vda1', partition: true, dependencies: ['/dev/vda'], alias: undefined },
        { name: '/dev/vda2', partition: true, dependencies: ['/dev/vda'], alias: undefined },
      ],
    );
    const order = disks.map(({ name }) => name);
    assert.ok(order.indexOf('/dev/vda1') < order.indexOf('/dev/vda'));
    assert.equal(disks.find(({ name }) => name === '/dev/dm-0')?.address, undefined);
    assert.equal(disks.find(({ name }) => name === '/dev/vda')?.address?.busType, 'virtio');
  });

  it('guest-get-disks omits drives without a medium', async (t) => {
    const empty = { ...virtio, files: { [`${virtio.path}/size`]: '0\n' } };
    assert.deepEqual(await disksMachine(t, [empty]).ask(getDisks, undefined), []);
  });

  it('guest-get-disks reports a missing sysfs', async (t) => {
    assert.equal(
      await onMachine(t, {}).refusal('guest-get-disks'),
      'Can\'t open directory "/sys/block": No such file or directory',
    );
  });
});

suite('guest-get-fsinfo', () => {
  it('guest-get-fsinfo reports mount points, used space and disks, the last mounted first', async (t) => {
    const size: FilesystemSize = { blockSize: 4096, blocks: 2n ** 40n, free: 2n ** 39n, available: 2n ** 38n };
    const answers: (FilesystemSize | SystemError)[] = [systemError(110), size];
    const asked: unknown[] = [];
    const stage = disksMachine(t, [virtio], ['254:1', '254:2'], {
      sizes: (paths) => (asked.push(paths), Promise.resolve(answers)),
    });
    const disks = [{ domain: 0, bus: 0, slot: 5, function: 0 }];
    assert.deepEqual(await stage.ask(getFsinfo, undefined), [
      { name: 'vda2', mountpoint: '/m1', type: 'ext4', disks },
      { name: 'vda1', mountpoint: '/m0', type: 'ext4', disks },
    ]);
    assert.deepEqual(asked, [['/m1', '/m0']]);
    const [second, first] = (await stage.value('guest-get-fsinfo')) as JsonObject[];
    assert.deepEqual([second!['used-bytes'], second!['total-bytes']], [undefined, undefined]);
    const shift = (bytes: Json | undefined) => Number(bytes) / 4096;
    assert.deepEqual([first!['used-bytes'], first!['total-bytes'], first!['total-bytes-privileged']].map(shift), [
      2 ** 39,
      2 ** 39 + 2 ** 38,
      2 ** 40,
    ]);
    assert.equal((first!.disk as JsonObject[])[0]!.dev, '/dev/vda1');
  });

  it('guest-get-fsinfo looks through device-mapper and md to every disk below', async (t) => {
    const other: Disk = {
      path: '/pci0000:00/0000:00:06.0/virtio3/block/vdb',
      number: '254:16',
      drivers: { '/pci0000:00/0000:00:06.0': 'virtio-pci' },
    };
    const md: Disk = { path: '/virtual/block/md0', number: '9:0', slaves: ['vda', 'vdb'] };
    const dm: Disk = { path: '/virtual/block/dm-0', number: '253:0', slaves: ['md0'] };
    const [found] = (await disksMachine(t, [virtio, other, md, dm], ['253:0']).value('guest-get-fsinfo')) as JsonObject[];
    assert.equal(found!.name, 'dm-0');
    assert.deepEqual(
      (found!.disk as JsonObject[]).map(({ dev }) => dev),
      ['/dev/vdb', '/dev/vda'],
    );
  });

  it('guest-get-fsinfo ends although devices form a circle', async (t) => {
    const one: Disk = { path: '/virtual/block/dm-0', number: '253:0', slaves: ['dm-1'] };
    const two: Disk = { path: '/virtual/block/dm-1', number: '253:1', slaves: ['dm-0'] };
    const [found] = (await disksMachine(t, [one, two], ['253:0']).value('guest-get-fsinfo')) as JsonObject[];
    assert.deepEqual(found!.disk, []);
  });

  it('guest-get-fsinfo names a device by its number when sysfs does not show it', async (t) => {
    const found = await disksMachine(t, [], ['8:1']).value('guest-get-fsinfo');
    assert.deepEqual(found, [{ name: '8:1', mountpoint: '/m0', type: 'ext4', disk: [] }]);
  });

  it('guest-get-fsinfo reports a missing mount table', async (t) => {
    assert.equal(await onMachine(t, {}).refusal('guest-get-fsinfo'), 'failed to open mount table: No such file or directory');
  });
});

suite('guest-fstrim', () => {
  const mounts = ['254:1', '254:2', '8:1', '8:2'];

  it('guest-fstrim reports for each filesystem how much was trimmed, or why nothing was', async (t) => {
    const stage = disksMachine(t, [], mounts, {
      trim: () => Promise.resolve([{ trimmed: 2n ** 60n, minimum: 4096n }, systemError(95), systemError(25), systemError(5)]),
    });
    const none = { trimmed: undefined, minimum: undefined };
    assert.deepEqual(await stage.ask(fstrim, { minimum: 0 }), [
      { path: '/m3', trimmed: 2n ** 60n, minimum: 4096n, error: undefined },
      { path: '/m2', ...none, error: 'trim not supported' },
      { path: '/m1', ...none, error: 'trim not supported' },
      { path: '/m0', ...none, error: 'failed to trim: Input/output error' },
    ]);
    assert.deepEqual(stage.audits, ['info: guest-fstrim called']);
  });

  it('guest-fstrim passes the minimum to the kernel as an unsigned number', async (t) => {
    const asked: bigint[] = [];
    const stage = disksMachine(t, [], [], { trim: (_, minimum) => (asked.push(minimum), Promise.resolve([])) });
    for (const minimum of [0, 2 ** 31, 2n ** 63n - 1n, -1]) await stage.value('guest-fstrim', { minimum });
    await stage.value('guest-fstrim');
    assert.deepEqual(asked, [0n, 2n ** 31n, 2n ** 63n - 1n, 2n ** 64n - 1n, 0n]);
    assert.equal(await stage.wire('guest-fstrim'), '{"return": {"paths": []}}\n');
  });
});
