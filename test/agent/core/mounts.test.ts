import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import { mountTree, parseMount, type Mount } from '../../../agent/core/mounts.ts';

const table = (...lines: string[]): Mount[] => lines.map((line) => parseMount(line)!);

suite('the mount table', () => {
  it('a line is read with optional fields, and with octal escapes in both paths', () => {
    assert.deepEqual(
      parseMount('36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 propagate_from:2 - ext3 /dev/my\\134root rw'),
      {
        id: 36,
        parent: 35,
        device: { major: 98, minor: 0 },
        root: '/mnt1',
        mountPoint: '/mnt two',
        options: 'rw,noatime',
        type: 'ext3',
        source: '/dev/my\\root',
      },
    );
  });

  it('a line that is not a mount is ignored', () => {
    for (const line of ['', 'x', '36 35 98:0 / /mnt rw', '36 35 nonsense / /mnt rw - ext4 /dev/vda rw'])
      assert.equal(parseMount(line), undefined, line);
  });

  it('a mount over a place hides what was there, and what was below it', () => {
    const [root, lower, below, upper] = table(
      '1 0 254:0 / / rw - ext4 /dev/vda rw',
      '2 1 254:16 / /om rw - ext4 /dev/vdb rw',
      '3 2 254:32 / /om/deep rw - ext4 /dev/vdc rw',
      '4 2 254:48 / /om rw - ext4 /dev/vdd rw',
    ) as [Mount, Mount, Mount, Mount];
    const tree = mountTree([root, lower, below, upper]);
    assert.equal(tree.isReachable(root), true);
    assert.equal(tree.isReachable(lower), false);
    assert.equal(tree.isReachable(below), false);
    assert.equal(tree.isReachable(upper), true);
  });

  it('a mount on a directory above hides the mounts below', () => {
    const [root, deep, cover, inside] = table(
      '1 0 254:0 / / rw - ext4 /dev/vda rw',
      '2 1 254:16 / /a/b rw - ext4 /dev/vdb rw',
      '3 1 0:30 / /a rw - tmpfs tmpfs rw',
      '4 3 254:32 / /a/b rw - ext4 /dev/vdc rw',
    ) as [Mount, Mount, Mount, Mount];
    const tree = mountTree([root, deep, cover, inside]);
    assert.equal(tree.isReachable(deep), false);
    assert.equal(tree.isReachable(inside), true);
    assert.deepEqual(tree.typesOnTheWay(inside), ['ext4', 'tmpfs']);
  });

  it('a root that was mounted over the first one hides that one', () => {
    const [first, second, data] = table(
      '1 1 0:2 / / rw - rootfs rootfs rw',
      '20 1 254:0 / / rw - ext4 /dev/vda rw',
      '21 20 254:16 / /data rw - xfs /dev/vdb rw',
    ) as [Mount, Mount, Mount];
    const tree = mountTree([first, second, data]);
    assert.equal(tree.isReachable(first), false);
    assert.equal(tree.isReachable(second), true);
    assert.equal(tree.isReachable(data), true);
  });
});
