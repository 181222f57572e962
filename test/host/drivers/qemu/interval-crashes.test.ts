/** A worker that dies between any two steps of a rotation loses no change, and claims none that it does not have. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { queryBitmaps } from '../../../../host/drivers/qemu/bitmaps.ts';
import { addSentinel } from '../../../../host/drivers/qemu/sentinels.ts';
import type { IntervalDisk } from '../../../../host/drivers/qemu/interval-rules.ts';
import { createIntervals } from '../../../../host/drivers/qemu/intervals.ts';
import type { Monitor } from '../../../../host/channel/types.ts';
import { backupId, guestId, type BackupId } from '../../../../model/ids.ts';
import type { JsonObject } from '../../../../protocol/json.ts';
import { startBareQemu, type BareQemu } from '../../../fixtures/qemu.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const guest = guestId('db1');
const blockBytes = 65_536;

class Died extends Error {}

/** Dies right before, or right after, the command with this number that changes something. */
function dying(monitor: Monitor, at: number, when: 'before' | 'after'): Monitor {
  let commands = 0;
  let isDead = false;
  return {
    ...monitor,
    async execute(command: string, args?: JsonObject) {
      if (isDead) throw new Died();
      const dies = !command.startsWith('query-') && commands++ === at;
      isDead = dies;
      if (dies && when === 'before') throw new Died();
      const answer = await monitor.execute(command, args);
      if (dies) throw new Died();
      return answer;
    },
  };
}

/** The disks as a prepared point in time has them. */
async function marked(qemu: BareQemu, disks: number, mib: number): Promise<IntervalDisk[]> {
  const found: IntervalDisk[] = [];
  for (let disk = 0; disk < disks; disk++) {
    const each = { name: `disk${disk}`, node: `d${disk}`, bytes: mib * 2 ** 20, sentinel: `end${disk}` };
    const scratch = { path: qemu.directory, limitBytes: undefined, marginBytes: 0 };
    await addSentinel(qemu.control, scratch, join(qemu.directory, each.sentinel), each);
    found.push(each);
  }
  return found;
}

for (const committed of [true, false])
  it(`a worker that dies at any step of a rotation that ${committed ? 'is committed' : 'fails'} loses no change`, async (t) => {
    const qemu = await startBareQemu(t, { disks: [64, 64], formats: ['raw', 'qcow2'] });
    const stateDir = await temporaryFolder(t);
    const disks = await marked(qemu, 2, 64);
    const worker = () => createIntervals({ stateDir, log: () => {} });
    /** Blocks that had been written when each point in time was taken. */
    const writtenAt = new Map<BackupId, number>();
    let written = 0;
    let backups = 0;
    const write = async () => {
      for (const disk of [0, 1]) await qemu.writeBytes(disk, 1, written * blockBytes, 512);
      written++;
    };
    const blocksOf = async (node: string, bitmap: string) => {
      const found = (await queryBitmaps(qemu.control)).bitmaps.filter((each) => each.node === node);
      return { blocks: found.find(({ name }) => name === bitmap)!.count / blockBytes, bitmaps: found.length };
    };

    /** Up to the point in time; then the changes of each disk must be all that was written since, and no more. */
    async function takePoint(monitor: Monitor, isFirst = false): Promise<BackupId> {
      const backup = backupId(`b-${++backups}`);
      const { intervals, actions } = await worker().prepare(monitor, { guest, repository: 'r', backup }, disks);
      await write();
      await monitor.execute('transaction', { actions });
      writtenAt.set(backup, written);
      await write();
      if (isFirst) return backup;
      for (const [index, interval] of intervals.entries()) {
        assert.ok('bitmap' in interval, `after step ${at} ${when}: ${JSON.stringify(interval)}`);
        const { blocks, bitmaps } = await blocksOf(`d${index}`, interval.bitmap);
        // The last block of the disk is always one of them.
        assert.equal(blocks, written - writtenAt.get(interval.since)!, `since ${interval.since}, step ${at} ${when}`);
        assert.equal(bitmaps, 2);
      }
      return backup;
    }
    const settle = (monitor: Monitor, backup: BackupId, isCommitted: boolean) =>
      worker().settle(monitor, guest, backup, isCommitted);

    let at = 0;
    let when: 'before' | 'after' = 'before';
    await settle(qemu.control, await takePoint(qemu.control, true), true);
    const steps = { before: 0, after: 0 };
    for (when of ['before', 'after'] as const)
      for (at = 0, steps[when] = 0; ; at++) {
        const monitor = dying(qemu.control, at, when);
        const backup = backupId(`b-${backups + 1}`);
        let hasDied = false;
        try {
          // The transaction that succeeded while the worker died was a point in time all the same, but nothing was committed by it.
          await takePoint(monitor);
          await settle(monitor, backup, committed);
        } catch (error) {
          if (!(error instanceof Died)) throw error;
          hasDied = true;
        }
        // The next worker has two backups: the first must find everything, and the second all that the first began.
        await settle(qemu.control, await takePoint(qemu.control), true);
        await settle(qemu.control, await takePoint(qemu.control), true);
        if (!hasDied) break;
        steps[when]++;
      }
    // Two disks: each new bitmap is made, gets the one before and its last bit, and is taken away; then the transaction, then what settles.
    assert.deepEqual(steps, { before: 13, after: 13 });
  });

it('a point that is settled twice, late, or by a worker that cannot reach QEMU stays what it is', async (t) => {
  const qemu = await startBareQemu(t, { disks: [4] });
  const stateDir = await temporaryFolder(t);
  const worker = () => createIntervals({ stateDir, log: () => {} });
  const disks = await marked(qemu, 1, 4);
  const take = async (text: string) => {
    const backup = backupId(text);
    const { intervals, actions } = await worker().prepare(qemu.control, { guest, repository: 'r', backup }, disks);
    await qemu.control.execute('transaction', { actions });
    return intervals[0]!;
  };
  await take('b-1');
  await worker().settle(undefined, guest, backupId('b-1'), true);
  assert.deepEqual(await take('b-2'), { full: 'no-interval' }, 'what was not settled counts as not committed');
  await worker().settle(qemu.control, guest, backupId('b-2'), true);
  const third = await take('b-3');
  assert.ok('since' in third && third.since === 'b-2');
  await worker().settle(undefined, guest, backupId('b-3'), false);
  await worker().settle(qemu.control, guest, backupId('b-3'), false);
  await worker().settle(qemu.control, guest, backupId('b-3'), true);
  await worker().settle(qemu.control, guest, backupId('b-2'), true);
  const fourth = await take('b-4');
  assert.ok('since' in fourth && fourth.since === 'b-2', 'a backup that was given up does not come back');
});
