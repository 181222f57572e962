/** No guest is left frozen by its agent, whatever dies, is stopped, or never comes back. Times are by the writers' own clock. */

import assert from 'node:assert/strict';
import { after, afterEach, before, it, suite } from 'node:test';
import { fsfreezeFreeze } from '../../../protocol/agent/commands/guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from '../../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { fsfreezeThaw } from '../../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { leaseStatus } from '../../../protocol/agent/commands/stillframe-status.ts';
import { leaseThaw } from '../../../protocol/agent/commands/stillframe-thaw.ts';
import { agentName, calm, longLeaseMs, stage, type GuestStage } from './stage.ts';

/** What a lease may be late: a busy machine that emulates the guest, and what the writers need to finish a file. Safety, not speed. */
const graceMs = 3_000;

suite('an agent in a guest', () => {
  let on: GuestStage;
  before(async () => (on = await stage()));
  after(() => on[Symbol.asyncDispose]());
  afterEach(() => calm(on));

  const stall = () => on.guest.console.longestStallMs();

  it('an agent freezes the filesystems that the writers use, proves it, and thaws them', async () => {
    const channel = await on.channel('own');
    on.guest.console.mark();
    const { bootId, epoch, filesystems } = await on.freeze(channel, longLeaseMs);
    assert.deepEqual(filesystems.map(({ mountpoint, type, outcome }) => `${mountpoint} ${type} ${outcome}`).toSorted(), [
      '/data/disk0 ext4 frozen',
      '/data/disk1 xfs frozen',
    ]);
    assert.equal(bootId, await on.run('cat /proc/sys/kernel/random/boot_id'));
    await on.run('sleep 0.5');
    const status = await channel.execute(leaseStatus, undefined);
    assert.equal(status.state, 'frozen');
    assert.equal(status.epoch, epoch);
    assert.deepEqual(status.held.toSorted(), ['/data/disk0', '/data/disk1']);
    const thawed = await channel.execute(leaseThaw, { epoch });
    assert.deepEqual(
      thawed.filesystems.map(({ outcome }) => outcome),
      ['thawed', 'thawed'],
    );
    await on.writersMove();
    assert.ok(stall() >= 500, `writers stood still for ${stall()} ms, the freeze was held for more than 500`);
    assert.ok(thawed.held >= 500, `held ${thawed.held} ms`);
    channel.close();
  });

  it('an agent thaws by itself when the host does not come back', async () => {
    const channel = await on.channel('own');
    on.guest.console.mark();
    const { epoch } = await on.freeze(channel, 1_500);
    channel.close();
    await on.writersMove();
    assert.ok(stall() <= 1_500 + graceMs, `writers stood still for ${stall()} ms`);
    const later = await on.channel('own');
    const ended = await later.execute(leaseThaw, { epoch });
    assert.equal(ended.leaseFired, true);
    later.close();
  });

  it('a plain freeze has a lease too, which an option sets', async () => {
    await on.restartAgent('--lease 2');
    const channel = await on.channel();
    on.guest.console.mark();
    assert.equal(await channel.execute(fsfreezeFreeze, undefined), 2);
    channel.close();
    await on.writersMove();
    assert.ok(stall() >= 1_000 && stall() <= 2_000 + graceMs, `writers stood still for ${stall()} ms`);
    const later = await on.channel();
    assert.equal(await later.execute(fsfreezeStatus, undefined), 'thawed');
    assert.equal(await later.execute(fsfreezeThaw, undefined), 0);
    later.close();
    await on.restartAgent('');
  });

  it('a guest is thawed when its agent is killed', async () => {
    const channel = await on.channel('own');
    await on.freeze(channel, longLeaseMs);
    on.guest.console.mark();
    await on.run(`kill -9 $(pid ${agentName})`);
    channel.close();
    await on.writersMove();
    assert.ok(stall() <= graceMs, `writers stood still for ${stall()} ms`);
    await on.thawed();
    assert.equal(await on.run('ls /run/stillframe-agent | grep -c freeze; true'), '0');
  });

  it('a guest is thawed at the lease when its agent is stopped', async () => {
    const channel = await on.channel('own');
    on.guest.console.mark();
    const { epoch } = await on.freeze(channel, 1_500);
    await on.run(`kill -STOP $(pid ${agentName})`);
    await on.writersMove();
    assert.ok(stall() <= 1_500 + graceMs, `writers stood still for ${stall()} ms`);
    await on.run(`kill -CONT $(pid ${agentName})`);
    assert.equal((await channel.execute(leaseThaw, { epoch })).leaseFired, true);
    channel.close();
  });

  it('a guest is thawed at the lease when its guard is stopped', async () => {
    const channel = await on.channel('own');
    on.guest.console.mark();
    const { epoch } = await on.freeze(channel, 1_500);
    await on.run('kill -STOP $(pid sf-guard)');
    await on.writersMove();
    assert.ok(stall() <= 1_500 + graceMs, `writers stood still for ${stall()} ms`);
    assert.equal((await channel.execute(leaseThaw, { epoch })).leaseFired, true);
    assert.equal(await on.run('pid sf-guard'), '');
    channel.close();
  });

  it('a guest is thawed when its guard is killed', async () => {
    const channel = await on.channel('own');
    const { epoch } = await on.freeze(channel, longLeaseMs);
    on.guest.console.mark();
    await on.run('kill -9 $(pid sf-guard)');
    await on.writersMove();
    assert.ok(stall() <= graceMs, `writers stood still for ${stall()} ms`);
    assert.equal((await channel.execute(leaseThaw, { epoch })).leaseFired, false);
    channel.close();
  });

  it('a guest is thawed by the next agent when agent and guard are killed at once', async () => {
    const channel = await on.channel('own');
    await on.freeze(channel, longLeaseMs);
    on.guest.console.mark();
    await on.run(`kill -9 $(pid sf-guard) $(pid ${agentName})`);
    channel.close();
    await on.writersMove();
    assert.ok(stall() <= graceMs, `writers stood still for ${stall()} ms`);
    await on.thawed();
  });

  it('a guest is thawed by the next agent when its agent is killed and its guard is stopped', async () => {
    const channel = await on.channel('own');
    await on.freeze(channel, longLeaseMs);
    on.guest.console.mark();
    await on.run(`kill -STOP $(pid sf-guard); kill -9 $(pid ${agentName})`);
    channel.close();
    await on.writersMove();
    assert.ok(stall() <= graceMs, `writers stood still for ${stall()} ms`);
    await on.thawed();
    assert.equal(await on.run('pid sf-guard'), '');
  });

  it('an agent that gets SIGTERM while frozen thaws and ends with status 0', async () => {
    for (const signal of ['TERM', 'INT']) {
      const channel = await on.channel('own');
      await on.freeze(channel, longLeaseMs);
      on.guest.console.mark();
      await on.run(`: >/run/stillframe-agent/ended; kill -${signal} $(pid ${agentName})`);
      channel.close();
      await on.writersMove();
      assert.ok(stall() <= graceMs, `writers stood still for ${stall()} ms`);
      assert.equal(
        await on.run('until [ -s /run/stillframe-agent/ended ]; do sleep 0.02; done; cat /run/stillframe-agent/ended'),
        '0',
      );
      await on.thawed();
    }
  });

  it('an agent holds one freeze over both its ports', async () => {
    const [classic, own] = [await on.channel('classic'), await on.channel('own')];
    const { epoch } = await on.freeze(own, longLeaseMs);
    assert.equal(await classic.execute(fsfreezeStatus, undefined), 'frozen');
    await assert.rejects(classic.execute(fsfreezeFreeze, undefined), { code: 'agent-refused' });
    assert.equal(await classic.execute(fsfreezeThaw, undefined), 2);
    assert.equal((await own.execute(leaseStatus, undefined)).state, 'thawed');
    assert.equal((await own.execute(leaseThaw, { epoch })).leaseFired, false);
    classic.close();
    own.close();
  });

  it('an epoch is frozen once, and only it can end itself', async () => {
    const channel = await on.channel('own');
    const first = await on.freeze(channel, longLeaseMs);
    await assert.rejects(channel.execute(leaseThaw, { epoch: first.epoch + 100 }), { code: 'agent-refused' });
    assert.equal((await channel.execute(leaseStatus, undefined)).state, 'frozen');
    await channel.execute(leaseThaw, { epoch: first.epoch });
    const second = await on.freeze(channel, longLeaseMs);
    await assert.rejects(channel.execute(leaseThaw, { epoch: first.epoch }), { code: 'agent-refused' });
    assert.equal((await channel.execute(leaseStatus, undefined)).epoch, second.epoch);
    await channel.execute(leaseThaw, { epoch: second.epoch });
    channel.close();
  });

  it('an agent freezes and thaws twenty times in a row', async () => {
    const channel = await on.channel('own');
    for (let round = 0; round < 20; round++) {
      const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
      assert.ok(filesystems.every(({ outcome }) => outcome === 'frozen'));
      const { filesystems: thawed } = await channel.execute(leaseThaw, { epoch });
      assert.ok(thawed.every(({ outcome }) => outcome === 'thawed'));
    }
    await on.writersMove();
    assert.equal(await on.run('cat /sys/kernel/rcu_expedited; pid sf-guard; pid sf-freezer'), '0');
    channel.close();
  });
});
