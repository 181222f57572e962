import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createRecords, type FreezeRecord } from '../../../../agent/core/freeze/record.ts';
import { fakeTreePlatform } from '../../fakes/fake-tree.ts';

const disk = { major: 254, minor: 0 };

/** A state directory on the filesystem that this line of the mount table shows. */
function recordsOn(...mounts: string[]) {
  const written: string[] = [];
  const tree = fakeTreePlatform({
    texts: { '/proc/self/mountinfo': `${['1 0 254:0 / / rw - ext4 /dev/vda rw', ...mounts].join('\n')}\n`, '/state/x': '' },
  });
  const files = { ...tree.files, replaceText: (path: string) => void written.push(path) };
  return { records: createRecords({ ...tree, files }, '/state', 'this-boot'), written };
}

const record: FreezeRecord = {
  bootId: 'this-boot',
  targets: [{ path: '/', device: disk, mountId: 1 }],
  hooks: [],
  processes: [],
};

suite('the record of a freeze', () => {
  test('the record is written where nothing is about to freeze', () => {
    const { records, written } = recordsOn('2 1 0:24 / /state rw - tmpfs tmpfs rw');
    records.write(record);
    assert.deepEqual(written, ['/state/stillframe-freeze.json']);
  });

  test('the record is refused on a filesystem that is to be frozen: the agent would wait for itself', () => {
    const { records, written } = recordsOn();
    assert.throws(() => records.write(record), {
      name: 'CommandError',
      message: 'the state directory /state lies on /, which is to be frozen: put it on a tmpfs (--statedir)',
    });
    assert.deepEqual(written, []);
  });

  test('the record is refused on a subvolume of a btrfs that is to be frozen, though its files have another device number', () => {
    const { records } = recordsOn('2 1 0:30 /state /state rw - btrfs /dev/vdb rw');
    const targets = [{ path: '/data', device: { major: 0, minor: 30 }, mountId: 3 }];
    assert.throws(() => records.write({ ...record, targets }), {
      name: 'CommandError',
      message: /lies on \/data, which is to be/,
    });
  });
});
