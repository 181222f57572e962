/** Where the disks below a filesystem are, through every kind of device that can lie between. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { placesOf } from '../../../../agent/core/freeze/places.ts';
import { readMounts } from '../../../../agent/core/mounts.ts';
import { fakeTreePlatform, type FakeTree } from '../../fakes/fake-tree.ts';

const device = (slot: number, name: string) => `/sys/devices/pci0000:00/0000:00:0${slot}.0/virtio${slot}/block/${name}`;
const virtual = (name: string) => `/sys/devices/virtual/block/${name}`;

const machine = {
  '/sys/dev/block/254:0': device(2, 'vda'),
  '/sys/dev/block/254:16': device(3, 'vdb'),
  '/sys/devices/pci0000:00/0000:00:02.0/driver': '/sys/bus/pci/drivers/virtio-pci',
  '/sys/devices/pci0000:00/0000:00:03.0/driver': '/sys/bus/pci/drivers/virtio-pci',
};

/** Places of the filesystem at /data, on a machine with two virtio disks and what `more` adds. */
function places(mount: string, { links: moreLinks = {}, texts = {}, ...more }: FakeTree = {}): string[] {
  const links = { ...machine, ...moreLinks };
  const platform = fakeTreePlatform({
    ...more,
    links,
    texts: {
      // A directory is there because something lies in it.
      ...Object.fromEntries(Object.values(links).map((path) => [`${path}/uevent`, ''])),
      '/proc/self/mountinfo': `1 0 254:0 / / rw - ext4 /dev/vda rw\n2 1 0:30 / /ram rw - tmpfs tmpfs rw\n3 1 0:31 / /over rw - overlay o rw\n${mount}\n`,
      ...texts,
    },
  });
  return placesOf(
    platform,
    readMounts(platform).find(({ mountPoint }) => mountPoint === '/data')!,
  );
}

const on = (number: string, type = 'ext4', source = '/dev/x') => `9 1 ${number} / /data rw - ${type} ${source} rw`;
const loop = (file: string, holder: { major: number; minor: number }): FakeTree => ({
  links: { '/sys/dev/block/7:0': virtual('loop0') },
  texts: { [`${virtual('loop0')}/dev`]: '7:0\n', [`${virtual('loop0')}/loop/backing_file`]: `${file}\n` },
  onDevice: { [file]: holder },
  loops: { '/dev/loop0': holder },
});

it('a disk and its partition are at the PCI function of the disk', () => {
  assert.deepEqual(places(on('254:16')), ['0000:00:03.0']);
  assert.deepEqual(places(on('254:17'), { links: { '/sys/dev/block/254:17': `${device(3, 'vdb')}/vdb1` } }), ['0000:00:03.0']);
});

it('device-mapper and md are on every disk below them', () => {
  const links = {
    '/sys/dev/block/253:0': virtual('dm-0'),
    [`${virtual('dm-0')}/slaves/md0`]: virtual('md0'),
    [`${virtual('md0')}/slaves/vda`]: device(2, 'vda'),
    [`${virtual('md0')}/slaves/vdb`]: device(3, 'vdb'),
  };
  assert.deepEqual(places(on('253:0'), { links }).toSorted(), ['0000:00:02.0', '0000:00:03.0']);
});

it('a loop device is where its file is: on a disk, in memory, or somewhere that cannot be told', () => {
  assert.deepEqual(places(on('7:0'), loop('/image', { major: 254, minor: 0 })), ['0000:00:02.0']);
  assert.deepEqual(places(on('7:0'), loop('/ram/image', { major: 0, minor: 30 })), ['none']);
  assert.deepEqual(places(on('7:0'), loop('/over/image', { major: 0, minor: 31 })), ['unknown']);
  assert.deepEqual(places(on('7:0'), loop('/ram/moved', { major: 0, minor: 77 })), ['unknown']);
});

it('a part in memory shows beside a part on a disk', () => {
  const { links, ...rest } = loop('/ram/image', { major: 0, minor: 30 });
  const mirror = {
    '/sys/dev/block/253:0': virtual('dm-0'),
    [`${virtual('dm-0')}/slaves/loop0`]: virtual('loop0'),
    [`${virtual('dm-0')}/slaves/vdb`]: device(3, 'vdb'),
  };
  assert.deepEqual(places(on('253:0'), { links: { ...links, ...mirror }, ...rest }).toSorted(), ['0000:00:03.0', 'none']);
});

it('network and memory devices are on no disk, and hardware without PCI is unknown', () => {
  assert.deepEqual(places(on('43:0'), { links: { '/sys/dev/block/43:0': virtual('nbd0') } }), ['none']);
  assert.deepEqual(places(on('1:0'), { links: { '/sys/dev/block/1:0': virtual('ram0') } }), ['none']);
  const iscsi = '/sys/devices/platform/host2/session1/target2:0:0/2:0:0:1/block/sdb';
  assert.deepEqual(places(on('8:16'), { links: { '/sys/dev/block/8:16': iscsi } }), ['unknown']);
  assert.deepEqual(places(on('99:0')), ['unknown']);
});

it('a btrfs is on all its members', () => {
  const links = {
    '/sys/fs/btrfs/1b2c/devices/vda': device(2, 'vda'),
    '/sys/fs/btrfs/1b2c/devices/vdb': device(3, 'vdb'),
  };
  const devices = { '/dev/vda': { major: 254, minor: 0 } };
  assert.deepEqual(places(on('0:40', 'btrfs', '/dev/vda'), { links, devices }).toSorted(), ['0000:00:02.0', '0000:00:03.0']);
  assert.deepEqual(places(on('0:40', 'btrfs', '/dev/vda'), { devices }).toSorted(), ['0000:00:02.0', 'unknown']);
});
