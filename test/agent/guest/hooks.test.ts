/** Hooks in a guest, and what a frozen agent does and does not do. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { after, afterEach, before, it, suite } from 'node:test';
import { fsfreezeFreeze } from '../../../protocol/agent/commands/guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from '../../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { fsfreezeThaw } from '../../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { fileOpen } from '../../../protocol/agent/commands/guest-file-open.ts';
import { info } from '../../../protocol/agent/commands/guest-info.ts';
import { ping } from '../../../protocol/agent/commands/guest-ping.ts';
import { leaseThaw } from '../../../protocol/agent/commands/stillframe-thaw.ts';
import { agentName, calm, longLeaseMs, stage, type GuestStage } from './stage.ts';

suite('an agent with hooks', () => {
  let on: GuestStage;
  before(async () => {
    on = await stage();
    await on.run('mkdir -p /run/hooks');
    await on.restartAgent('-F/run/hooks');
  });
  after(() => on[Symbol.asyncDispose]());
  afterEach(async () => {
    await calm(on);
    await on.run('rm -f /run/hooks/* /run/ran');
  });

  const hook = (name: string, script: string) =>
    on.run(
      `cat >/run/hooks/${name} <<'END'\n#!/bin/busybox sh\necho ${name} $1 >>/run/ran\n${script}\nEND\nchmod 755 /run/hooks/${name}`,
    );
  /** What ran, once so many lines are there. */
  const ran = async (lines: number) =>
    (await on.run(`until [ "$(wc -l </run/ran)" -ge ${lines} ]; do sleep 0.02; done; cat /run/ran`)).split('\n');

  it('hooks run before the freeze and after the thaw, each with its result', async () => {
    await hook('10-db', 'echo flushed');
    await hook('20-cache', '[ $1 = freeze ] || exit 3');
    const channel = await on.channel('own');
    const { epoch, hooks } = await on.freeze(channel, longLeaseMs);
    assert.deepEqual(
      hooks.map(({ name, outcome }) => `${name} ${outcome}`),
      ['10-db success', '20-cache success'],
    );
    const thawed = await channel.execute(leaseThaw, { epoch });
    assert.deepEqual(
      thawed.hooks.map(({ name, outcome, detail }) => `${name} ${outcome} ${detail}`),
      ['20-cache failed exit status 3', '10-db success flushed'],
    );
    assert.deepEqual(await ran(4), ['10-db freeze', '20-cache freeze', '20-cache thaw', '10-db thaw']);
    channel.close();
  });

  it('a hook that fails prevents the freeze, and every hook that ran with freeze runs with thaw', async () => {
    await hook('10-db', 'true');
    await hook('20-no', '[ $1 = thaw ] || { echo not now; exit 1; }');
    await hook('30-never', 'true');
    const channel = await on.channel();
    await assert.rejects(channel.execute(fsfreezeFreeze, undefined), /failed to execute fsfreeze hook: not now/);
    assert.equal(await channel.execute(fsfreezeStatus, undefined), 'thawed');
    assert.deepEqual(await ran(4), ['10-db freeze', '20-no freeze', '20-no thaw', '10-db thaw']);
    channel.close();
    await on.writersMove();
  });

  it('hooks run with thaw when the lease ends the freeze', async () => {
    await hook('10-db', 'true');
    const channel = await on.channel('own');
    // The freeze itself must be through before it ends, on a busy machine too.
    await on.freeze(channel, 3_000);
    channel.close();
    assert.deepEqual(await ran(2), ['10-db freeze', '10-db thaw']);
  });

  it('hooks run with thaw by the next agent when the agent was killed', async () => {
    await hook('10-db', 'true');
    const channel = await on.channel('own');
    await on.freeze(channel, longLeaseMs);
    await on.run(`kill -9 $(pid ${agentName})`);
    channel.close();
    assert.deepEqual(await ran(2), ['10-db freeze', '10-db thaw']);
    await on.thawed();
  });

  it('a hook that leaves a process behind, with its output open, is not waited for', async () => {
    await hook('10-db', 'sleep 1000 & echo $! >>/run/left');
    const channel = await on.channel('own');
    const { epoch } = await on.freeze(channel, longLeaseMs);
    await channel.execute(leaseThaw, { epoch });
    await on.run('kill $(cat /run/left); rm /run/left');
    channel.close();
  });

  it('a hook that does not end is killed, nothing is frozen, and it runs with thaw', async () => {
    await hook('10-stuck', '[ $1 = thaw ] || { echo $$ >/run/stuck; exec sleep 1000; }');
    const channel = await on.channel('own');
    await assert.rejects(on.freeze(channel, longLeaseMs), /did not end within 10 s \(10-stuck\)/);
    assert.deepEqual(await ran(2), ['10-stuck freeze', '10-stuck thaw']);
    await on.run('! kill -0 $(cat /run/stuck) 2>/dev/null');
    await on.writersMove();
    channel.close();
  });

  it('no hook runs for a thaw that finds nothing frozen', async () => {
    await hook('10-db', 'true');
    const channel = await on.channel();
    assert.equal(await channel.execute(fsfreezeThaw, undefined), 0);
    assert.equal(await on.run('cat /run/ran 2>/dev/null; true'), '');
    channel.close();
  });

  it('nothing is written to any disk while frozen, and commands that would write are refused', async () => {
    await on.run('mkdir -p /data/disk0/logs');
    const channel = await on.channel('own');
    const { epoch } = await on.freeze(channel, longLeaseMs);
    const before = await hashes(on);
    await assert.rejects(channel.execute(fileOpen, { path: '/data/disk0/logs/x', mode: 'w' }), { code: 'agent-refused' });
    await assert.rejects(channel.execute(fsfreezeFreeze, undefined), { code: 'agent-refused' });
    for (let round = 0; round < 50; round++) await channel.execute(ping, undefined);
    const { commands } = await channel.execute(info, undefined);
    assert.equal(commands.find(({ name }) => name === 'guest-file-open')?.enabled, false);
    assert.deepEqual(await hashes(on), before);
    await channel.execute(leaseThaw, { epoch });
    channel.close();
    await on.writersMove();
    assert.notDeepEqual(await hashes(on), before);
  });
});

async function hashes({ guest }: GuestStage): Promise<string[]> {
  return Promise.all(
    guest.disks.map(async ({ path }) => {
      const hash = createHash('sha256');
      await pipeline(createReadStream(path), hash);
      return hash.digest('hex');
    }),
  );
}
