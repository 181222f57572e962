/** What is frozen, in which order, by which path. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import { planFreeze } from '../../../../agent/core/freeze/plan.ts';
import { fakeTreePlatform, type FakeTree } from '../../fakes/fake-tree.ts';

/** A machine with these mounts; `sys` adds what its block devices say of themselves. */
function machine(mounts: readonly string[], sys: FakeTree = {}): FakeTree {
  return {
    ...sys,
    texts: { '/proc/self/mountinfo': `${mounts.join('\n')}\n`, ...sys.texts },
    links: { '/proc/self/ns/mnt': 'mnt:[1]', ...sys.links },
  };
}

const plan = (tree: FakeTree, wanted?: string[]) => planFreeze(fakeTreePlatform(tree), wanted);
const order = (tree: FakeTree, wanted?: string[]) => plan(tree, wanted).filesystems.map(({ mountPoint }) => mountPoint);

const root = '1 0 254:0 / / rw - ext4 /dev/vda rw';
/** /sys/dev/block/M:m is a link into /sys/devices, as on a real machine. */
const block = (number: string, name: string, below: Record<string, string> = {}): FakeTree => ({
  links: { [`/sys/dev/block/${number}`]: `../../devices/virtual/block/${name}` },
  texts: {
    [`/sys/devices/virtual/block/${name}/size`]: '1\n',
    ...Object.fromEntries(Object.entries(below).map(([file, text]) => [`/sys/devices/virtual/block/${name}/${file}`, text])),
  },
});
const merged = (...trees: FakeTree[]): FakeTree => ({
  texts: Object.assign({}, ...trees.map((tree) => tree.texts ?? {})) as Record<string, string>,
  links: Object.assign({}, ...trees.map((tree) => tree.links ?? {})) as Record<string, string>,
  loops: Object.assign({}, ...trees.map((tree) => tree.loops ?? {})) as NonNullable<FakeTree['loops']>,
  devices: Object.assign({}, ...trees.map((tree) => tree.devices ?? {})) as NonNullable<FakeTree['devices']>,
  onDevice: Object.assign({}, ...trees.map((tree) => tree.onDevice ?? {})) as NonNullable<FakeTree['onDevice']>,
});

/** What the kernel says of its filesystem types: `nodev` needs no block device. */
const withTypes: FakeTree = { texts: { '/proc/filesystems': 'nodev\ttmpfs\nnodev\tzfs\n\text4\n\tbtrfs\n\tbcachefs\n' } };

suite('what a freeze freezes', () => {
  it('a plan has each device once, however it is mounted, and nothing without a device', () => {
    const mounts = [
      root,
      '2 1 0:5 / /proc rw - proc proc rw',
      '3 1 0:6 / /run rw - tmpfs tmpfs rw',
      '4 1 254:16 / /data rw - xfs /dev/vdb rw',
      '5 1 254:16 /sub /bind rw - xfs /dev/vdb rw',
      '6 1 0:40 / /merged rw - overlay overlay rw',
      '7 1 0:41 / /net rw - nfs4 server:/x rw',
    ];
    assert.deepEqual(order(machine(mounts)), ['/data', '/']);
  });

  it('a plan has a btrfs once, by the number that all its subvolumes share in the mount table', () => {
    const mounts = [root, '2 1 0:30 /a /a rw - btrfs /dev/vdb rw', '3 1 0:30 /b /b rw - btrfs /dev/vdb rw'];
    const tree = merged(machine(mounts, withTypes), block('254:16', 'vdb'), {
      devices: { '/dev/vdb': { major: 254, minor: 16 } },
    });
    assert.deepEqual(
      plan(tree).filesystems.map(({ mountPoint, device, mountId, deviceName }) => [mountPoint, device, mountId, deviceName]),
      [
        ['/a', { major: 0, minor: 30 }, 2, 'vdb'],
        ['/', { major: 254, minor: 0 }, 1, '254:0'],
      ],
    );
  });

  it('a plan has a filesystem without a device number of its own only where its type is on a device', () => {
    const mounts = [root, '2 1 0:30 / /a rw - bcachefs /dev/vdb:/dev/vdc rw', '3 1 0:31 / /z rw - zfs tank/z rw'];
    assert.deepEqual(order(machine(mounts, withTypes)), ['/a', '/']);
  });

  it('a loop device over a file in a subvolume precedes the btrfs that holds the file', () => {
    const mounts = [root, '2 1 7:0 / /loop rw - ext4 /dev/loop0 rw', '3 1 0:30 / /b rw - btrfs /dev/vdb rw'];
    const sys = merged(withTypes, block('254:16', 'vdb'), block('7:0', 'loop0', { 'loop/backing_file': '/b/sub/image\n' }), {
      devices: { '/dev/vdb': { major: 254, minor: 16 } },
      // The subvolume's number, which no mount has.
      loops: { '/dev/loop0': { major: 0, minor: 77 } },
      onDevice: { '/b/sub/image': { major: 0, minor: 77 } },
    });
    assert.deepEqual(order(machine(mounts, sys)), ['/loop', '/b', '/']);
  });

  it('a plan uses a mount that can be opened, and not a socket that is bound onto a file', () => {
    const mounts = [root, '2 1 254:16 /s /run/s rw - ext4 /dev/vdb rw', '3 1 254:16 / /data rw - ext4 /dev/vdb rw'];
    const tree = machine(mounts, { sockets: ['/run/s'], texts: { '/data/x': '' } });
    assert.deepEqual(order(tree), ['/data', '/']);
  });

  it('a loop device precedes the filesystem that holds its file, though that is mounted later', () => {
    const mounts = [root, '2 1 7:0 / /loop rw - ext4 /dev/loop0 rw', '3 1 254:16 / /b rw - ext4 /dev/vdb rw'];
    const sys = merged(block('254:0', 'vda'), block('254:16', 'vdb'), block('7:0', 'loop0'), {
      loops: { '/dev/loop0': { major: 254, minor: 16 } },
    });
    assert.deepEqual(order(machine(mounts, sys)), ['/loop', '/b', '/']);
  });

  it('a loop device whose kernel does not report its file is placed by the path of the file', () => {
    const mounts = [root, '2 1 7:0 / /loop rw - ext4 /dev/loop0 rw', '3 1 254:16 / /b rw - ext4 /dev/vdb rw'];
    const sys = merged(block('254:16', 'vdb'), block('7:0', 'loop0', { 'loop/backing_file': '/b/image\n' }), {
      onDevice: { '/b/image': { major: 254, minor: 16 } },
    });
    assert.deepEqual(order(machine(mounts, sys)), ['/loop', '/b', '/']);
  });

  it('the order follows a partition of a loop device, and a mapper over it', () => {
    const mounts = [
      root,
      '2 1 253:0 / /top rw - ext4 /dev/mapper/x rw',
      '3 1 254:16 / /b rw - ext4 /dev/vdb rw',
      '4 1 7:0 / /other rw - ext4 /dev/loop0 rw',
    ];
    const sys = merged(block('254:16', 'vdb'), block('253:0', 'dm-0'), block('7:1', 'loop1'), {
      links: { '/sys/devices/virtual/block/dm-0/slaves/loop1p1': '../../loop1/loop1p1' },
      texts: { '/sys/devices/virtual/block/loop1/loop1p1/partition': '1\n' },
      loops: { '/dev/loop1': { major: 254, minor: 16 } },
    });
    const found = order(machine(mounts, sys));
    assert.ok(found.indexOf('/top') < found.indexOf('/b'), found.join(' '));
  });

  it('the order has three layers, and survives an impossible circle', () => {
    const mounts = [
      '1 0 254:0 / / rw - ext4 /dev/vda rw',
      '2 1 7:1 / /second rw - ext4 /dev/loop1 rw',
      '3 1 7:0 / /first rw - ext4 /dev/loop0 rw',
    ];
    const loops = { '/dev/loop0': { major: 254, minor: 0 }, '/dev/loop1': { major: 7, minor: 0 } };
    const sys = merged(block('7:0', 'loop0'), block('7:1', 'loop1'), block('254:0', 'vda'), { loops });
    assert.deepEqual(order(machine(mounts, sys)), ['/second', '/first', '/']);
    const circle = { ...sys, loops: { '/dev/loop0': { major: 7, minor: 1 }, '/dev/loop1': { major: 7, minor: 0 } } };
    assert.equal(order(machine(mounts, circle)).length, 3);
  });

  it('a plan uses a mount that is not hidden; a filesystem without one is reported, not frozen', () => {
    const mounts = [
      root,
      '2 1 254:16 / /om rw - ext4 /dev/vdb rw',
      '3 1 254:32 / /om rw - ext4 /dev/vdc rw',
      '4 1 254:48 / /hidden rw - ext4 /dev/vdd rw',
      '5 1 0:50 / /hidden rw - tmpfs tmpfs rw',
      '6 1 254:48 / /seen rw - ext4 /dev/vdd rw',
    ];
    const { filesystems, unreachable } = plan(machine(mounts));
    assert.deepEqual(
      filesystems.map(({ path, device }) => `${path} ${device.minor}`),
      ['/seen 48', '/om 32', '/ 0'],
    );
    assert.deepEqual(
      unreachable.map(({ mountPoint, device }) => `${mountPoint} ${device.minor}`),
      ['/om 16'],
    );
  });

  it('a plan uses a path that does not lead through another machine, where there is one', () => {
    const mounts = [
      root,
      '2 1 0:41 / /net rw - nfs4 server:/x rw',
      '3 2 254:16 / /net/data rw - ext4 /dev/vdb rw',
      '4 1 254:16 / /data rw - ext4 /dev/vdb rw',
    ];
    assert.deepEqual(
      plan(machine(mounts)).filesystems.map(({ path }) => path),
      ['/data', '/'],
    );
  });

  it('a filesystem that only a container has mounted is reached through one of its processes', () => {
    const tree = machine([root], {
      texts: {
        '/proc/7/mountinfo': `${root}\n2 1 254:16 / /volume rw - ext4 /dev/vdb rw\n`,
        '/proc/8/mountinfo': `${root}\n2 1 254:16 / /volume rw - ext4 /dev/vdb rw\n`,
      },
      links: { '/proc/7/ns/mnt': 'mnt:[2]', '/proc/8/ns/mnt': 'mnt:[2]' },
    });
    assert.deepEqual(
      plan(tree).filesystems.map(({ mountPoint, path }) => [mountPoint, path]),
      [
        ['/volume', '/proc/7/root/volume'],
        ['/', '/'],
      ],
    );
  });

  it('a plan has only the requested filesystems: by mount point, by a bind mount, with a slash behind', () => {
    const tree = machine([root, '2 1 254:16 / /data rw - xfs /dev/vdb rw', '3 1 254:16 /sub /bind rw - xfs /dev/vdb rw']);
    assert.deepEqual(order(tree, ['/data']), ['/data']);
    assert.deepEqual(order(tree, ['/bind']), ['/data']);
    assert.deepEqual(order(tree, ['/data/', '/']), ['/data', '/']);
    assert.deepEqual(order(tree, ['/none']), []);
    assert.deepEqual(order(tree, []), []);
  });
});
