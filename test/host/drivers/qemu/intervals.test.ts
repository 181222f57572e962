/** What has changed since the last committed point, against a real QEMU: nothing is missing, whatever failed in between. */

import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { queryBitmaps } from '../../../../host/drivers/qemu/bitmaps.ts';
import type { BackupId } from '../../../../model/ids.ts';
import type { Interval } from '../../../../model/point/interval.ts';
import { changedBlocks, contentOf, blockBytes, intervalStage, mib, type IntervalStage } from './interval-stage.ts';

/** Those of our intervals, and not those of sentinels. */
const bitmapsOf = async ({ qemu }: IntervalStage) =>
  (await queryBitmaps(qemu.control)).bitmaps.map(({ name }) => name).filter((name) => name.startsWith('sf.'));

const reasonsOf = (intervals: Interval[]) => intervals.map((each) => ('full' in each ? each.full : 'incremental'));

/** The same sequence in every run (a linear congruential generator, Numerical Recipes). */
function dice(seed: number) {
  let state = seed;
  return (sides: number) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * sides);
}

const endings = [
  'commit',
  'commit',
  'commit',
  'fail',
  'abandon',
  'worker dies',
  'worker dies early',
  'quit',
  'kill',
  'kill and commit',
] as const;

it('in thirty rotations with failures and kills, the reported changes are those since the last committed point', async (t) => {
  const stage = await intervalStage(t, ['qcow2', 'raw']);
  const roll = dice(7);
  const now = [Buffer.alloc(4 * mib), Buffer.alloc(4 * mib)];
  /** Blocks that were written since the last committed point, and the last one, which marks each interval. */
  let touched = [new Set([63]), new Set([63])];
  let committed: { id: BackupId; content: Buffer[] } | null = null;
  /** Whether a bitmap must be there. */
  let continues = [false, false];
  const seen = { incremental: 0, full: 0 };

  async function write(): Promise<void> {
    for (const [disk, content] of now.entries()) {
      const [pattern, offset, length] = [1 + roll(255), roll(4 * mib - 70_000) & ~511, 512 * (1 + roll(130))];
      await stage.qemu.writeBytes(disk, pattern, offset, length);
      content.fill(pattern, offset, offset + length);
      for (let at = offset - (offset % blockBytes); at < offset + length; at += blockBytes) touched[disk]!.add(at / blockBytes);
    }
  }

  async function restart(how: 'quit' | 'kill'): Promise<void> {
    // What QEMU had not written yet is lost to the guest too.
    await stage.startAgain(how);
    continues = [how === 'quit' && continues[0]!, false];
    const reading = stage.newBackup();
    const prepared = await stage.points.prepare(stage.guest, reading, null);
    await prepared.begin();
    const exports = await stage.points.exports(stage.guest, reading);
    for (const disk of [0, 1]) (await contentOf(t, exports, `disk${disk}`)).copy(now[disk]!);
    await exports.close();
    await stage.points.end(stage.guest.id, { backup: reading });
  }

  for (let rotation = 0; rotation < 30; rotation++) {
    const ending = endings[roll(endings.length)]!;
    await write();
    const backup = stage.newBackup();
    const prepared = await stage.points.prepare(stage.guest, backup, 'r-1');
    await write();
    if (ending === 'abandon') {
      await prepared.abandon();
      continue;
    }
    if (ending === 'worker dies early') {
      await stage.restartWorker();
      await stage.points.end(stage.guest.id, { backup });
      continue;
    }
    await prepared.begin();
    const frozen = { id: backup, content: now.map((content) => Buffer.from(content)) };
    const before = touched;
    touched = [new Set([63]), new Set([63])];
    await write();
    const exports = await stage.points.exports(stage.guest, backup);
    for (const [disk, { name, interval }] of exports.disks.entries()) {
      assert.ok((await contentOf(t, exports, name)).equals(frozen.content[disk]!), 'the export shows the point in time');
      assert.equal('bitmap' in interval, continues[disk], `${name} of rotation ${rotation}: ${JSON.stringify(interval)}`);
      if ('full' in interval) {
        seen.full++;
        continue;
      }
      seen.incremental++;
      assert.equal(interval.since, committed!.id);
      const changed = await changedBlocks(exports, name, interval.bitmap);
      for (let block = 0; block < 64; block++) {
        const part = (content: Buffer) => content.subarray(block * blockBytes, (block + 1) * blockBytes);
        const differs = !part(frozen.content[disk]!).equals(part(committed!.content[disk]!));
        assert.ok(!differs || changed.has(block), `block ${block} of ${name} in rotation ${rotation} is reported`);
      }
      assert.deepEqual(changed, before[disk], 'and nothing that was not written is');
    }
    await write();
    await exports.close();
    const commits = ending === 'commit' || ending === 'kill and commit';
    if (ending === 'kill and commit') await stage.points.settle(stage.guest.id, backup, true);
    if (ending === 'worker dies') await stage.restartWorker();
    if (commits || ending === 'fail') await stage.finish(backup, commits);
    if (commits) {
      committed = frozen;
      continues = [true, true];
    } else touched = touched.map((blocks, disk) => blocks.union(before[disk]!));
    if (ending === 'quit') await restart('quit');
    if (ending.startsWith('kill')) await restart('kill');
    if (['quit', 'kill', 'worker dies'].includes(ending)) await stage.points.end(stage.guest.id, { backup });
    assert.ok((await bitmapsOf(stage)).length <= 6, 'no bitmaps pile up');
  }
  assert.ok(seen.incremental > 8 && seen.full > 8, JSON.stringify(seen));
});

it('the first backup reads everything, and so does the next one while none is committed', async (t) => {
  const stage = await intervalStage(t, ['raw']);
  assert.deepEqual(await stage.backUp(false), [{ full: 'no-interval' }]);
  assert.deepEqual(await stage.backUp(), [{ full: 'no-interval' }]);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental']);
});

it('bitmaps of a raw image end with QEMU, those of a qcow2 image only when it is killed', async (t) => {
  const stage = await intervalStage(t, ['raw', 'qcow2']);
  await stage.backUp();
  await stage.startAgain('quit');
  assert.deepEqual(reasonsOf(await stage.backUp()), ['interval-lost', 'incremental']);
  await stage.startAgain('quit');
  await stage.startAgain('kill');
  assert.deepEqual(reasonsOf(await stage.backUp()), ['interval-lost', 'inconsistent']);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'incremental']);
  assert.equal((await bitmapsOf(stage)).length, 2);
});

it('a disk that was resized, also back to its size, is read in full, and the others are not', async (t) => {
  const stage = await intervalStage(t, ['raw', 'qcow2']);
  await stage.backUp();
  const resize = (disk: number, to: number) => stage.qemu.control.execute('block_resize', { 'node-name': `d${disk}`, size: to });
  await resize(0, 5 * mib);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['resized', 'incremental']);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'incremental']);
  await resize(1, 2 * mib);
  await resize(1, 4 * mib);
  assert.deepEqual(
    reasonsOf(await stage.backUp(false)),
    ['incremental', 'resized'],
    'QEMU marks nothing of the end that came back',
  );
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'resized']);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'incremental']);
});

it('a disk that came, one that was exchanged, and one in the place of another are read in full', async (t) => {
  const stage = await intervalStage(
    t,
    ['raw'],
    '-device pcie-root-port,id=p0,slot=1 -device pcie-root-port,id=p1,slot=2'.split(' '),
  );
  const { control, directory } = stage.qemu;
  await stage.backUp();
  const plug = async (node: string, file: string, bus: string) => {
    const path = join(directory, file);
    await writeFile(path, Buffer.alloc(mib));
    await control.execute('blockdev-add', { driver: 'raw', 'node-name': node, file: { driver: 'file', filename: path } });
    await control.execute('device_add', { driver: 'virtio-blk-pci', drive: node, id: `v${node}`, bus });
  };
  const unplug = async (node: string) => {
    const gone = new Promise<void>((resolve) =>
      control.onEvent(({ name, data }) => name === 'DEVICE_DELETED' && data.device === `v${node}` && resolve()),
    );
    // A guest that does not run lets go of its device at a reset.
    await control.execute('device_del', { id: `v${node}` });
    await control.execute('system_reset');
    await gone;
    await control.execute('blockdev-del', { 'node-name': node });
  };
  await plug('one', 'one.raw', 'p0');
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'disk-new']);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'incremental']);
  await unplug('one');
  await plug('one', 'other.raw', 'p0');
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'disk-swapped']);
  await plug('two', 'two.raw', 'p1');
  await stage.backUp();
  await unplug('one');
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'disk-swapped'], 'disk1 is what was disk2');
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental', 'incremental']);
});

it('a bitmap that another program has changed, or put in the place of ours, is not used, and never ends a backup', async (t) => {
  const stage = await intervalStage(t, ['raw']);
  const { control } = stage.qemu;
  const put = async (properties: object) => {
    const [name] = await bitmapsOf(stage);
    await control.execute('block-dirty-bitmap-remove', { node: 'd0', name: name! });
    await control.execute('block-dirty-bitmap-add', { node: 'd0', name: name!, ...properties });
  };
  await stage.backUp();
  await put({ granularity: 4096 });
  assert.deepEqual(await stage.backUp(), [{ full: 'granularity' }]);

  await stage.qemu.writeBytes(0, 1, 0, 512);
  await stage.backUp(false);
  await stage.backUp(false);
  await put({ granularity: 65_536 });
  assert.deepEqual(await stage.backUp(), [{ full: 'foreign-bitmap' }], 'it knows of fewer changes than ours did');

  await control.execute('block-dirty-bitmap-disable', { node: 'd0', name: (await bitmapsOf(stage))[0]! });
  assert.deepEqual(await stage.backUp(false), [{ full: 'interval-lost' }]);
  assert.deepEqual(await stage.backUp(), [{ full: 'interval-lost' }], 'what it missed does not come back with a later failure');

  const watched = stage.newBackup();
  await (await stage.points.prepare(stage.guest, watched, 'r-1')).begin();
  for (const name of await bitmapsOf(stage)) await control.execute('block-dirty-bitmap-enable', { node: 'd0', name });
  const exports = await stage.points.exports(stage.guest, watched);
  assert.deepEqual(
    exports.disks[0]!.interval,
    { full: 'foreign-bitmap' },
    'it goes on recording, and QEMU exports it all the same',
  );
  await exports.close();
  await stage.finish(watched, true);

  const prepared = await stage.points.prepare(stage.guest, stage.newBackup(), 'r-1');
  for (const name of await bitmapsOf(stage)) await control.execute('block-dirty-bitmap-remove', { node: 'd0', name });
  await prepared.begin();
  await prepared.abandon();
  assert.deepEqual(await stage.backUp(), [{ full: 'interval-lost' }]);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental']);
});

it('each repository has intervals of its own, which neither reaper nor the end of a backup removes', async (t) => {
  const stage = await intervalStage(t, ['raw']);
  await stage.backUp();
  const first = await bitmapsOf(stage);
  const other = stage.newBackup();
  const prepared = await stage.points.prepare(stage.guest, other, 'r-2');
  await prepared.begin();
  await stage.points.settle(stage.guest.id, other, true);
  await stage.points.end(stage.guest.id, { backup: other });
  assert.equal((await bitmapsOf(stage)).length, 2);
  assert.deepEqual(await stage.points.leftovers([stage.guest]), []);
  await stage.points.end(stage.guest.id, { stem: first[0]!.slice(0, 'sf.12345678'.length) });
  assert.equal((await bitmapsOf(stage)).length, 2);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental']);
});

it('a damaged state costs a full read, and is whole again after the next backup', async (t) => {
  const stage = await intervalStage(t, ['raw']);
  await stage.backUp();
  const directory = join(stage.stateDir, 'intervals');
  const [name] = await readdir(directory);
  const path = join(directory, name!);
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, -9));
  assert.deepEqual(await stage.backUp(), [{ full: 'interval-lost' }]);
  assert.deepEqual(reasonsOf(await stage.backUp()), ['incremental']);
});
