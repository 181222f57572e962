/** guest-shutdown and guest-set-time with fakes for the programs and the clock: this machine is not changed. */

import assert from 'node:assert/strict';
import { it, suite, type TestContext } from 'node:test';
import { SystemError, type ChildEnd, type Children, type SpawnRequest } from '../../../../agent/core/platform.ts';
import { clock } from '../../../../agent/platform/node/clock.ts';
import { createFiles } from '../../../../agent/platform/node/files.ts';
import { setTime } from '../../../../protocol/agent/commands/guest-set-time.ts';
import { createStage } from './stage.ts';

interface Setting {
  /** Programs that are there. */
  programs?: string[];
  end?: ChildEnd;
  says?: string;
}

function createPowerStage(t: TestContext, { programs = [], end = { code: 0 }, says = '' }: Setting) {
  const started: SpawnRequest[] = [];
  const clockSet: bigint[] = [];
  const children: Children = {
    spawn(request, events) {
      if (programs.length === 0) throw new SystemError(2, 'No such file or directory');
      started.push(request);
      setImmediate(() => {
        if (says) events.output?.('out', Buffer.from(says));
        events.exited?.(end);
        events.closed?.(end);
      });
      return { pid: 1, kill() {}, release() {} };
    },
  };
  const files = { ...createFiles(), isExecutable: (path: string) => programs.includes(path) };
  const stage = createStage(t, { children, files, clock: { ...clock, setRealNs: (ns) => void clockSet.push(ns) } });
  return { ...stage, started, clockSet, argv: () => started.map(({ argv }) => argv) };
}

suite('guest-shutdown', () => {
  for (const [mode, program, flag] of [
    ['powerdown', '/sbin/poweroff', '-P'],
    ['halt', '/sbin/halt', '-H'],
    ['reboot', '/sbin/reboot', '-r'],
  ] as const) {
    it(`guest-shutdown runs ${program} for ${mode}, or shutdown where only that exists, and does not answer`, async (t) => {
      const own = createPowerStage(t, { programs: [program, '/sbin/shutdown'] });
      assert.equal(await own.wire('guest-shutdown', { mode }), '');
      assert.deepEqual(own.argv(), [[program]]);
      const old = createPowerStage(t, { programs: ['/sbin/shutdown'] });
      assert.equal(await old.wire('guest-shutdown', { mode }), '');
      assert.deepEqual(old.argv(), [['/sbin/shutdown', '-h', flag, '+0', 'hypervisor initiated shutdown']]);
      assert.deepEqual(old.audits, [`info: guest-shutdown called, mode: ${mode}`]);
    });
  }

  it('guest-shutdown powers down when no mode is given', async (t) => {
    const stage = createPowerStage(t, { programs: ['/sbin/poweroff'] });
    assert.equal(await stage.wire('guest-shutdown'), '');
    assert.deepEqual(stage.argv(), [['/sbin/poweroff']]);
  });

  it('guest-shutdown refuses other modes and runs nothing', async (t) => {
    const stage = createPowerStage(t, { programs: ['/sbin/poweroff'] });
    for (const mode of ['', 'off', 'HALT', 'halt\0', 'x'.repeat(100_000)])
      assert.equal(await stage.refusal('guest-shutdown', { mode }), 'mode is invalid (valid values are: halt|powerdown|reboot');
    assert.equal(await stage.refusal('guest-shutdown', { mode: 5 }), "Invalid parameter type for 'mode', expected: string");
    assert.deepEqual(stage.started, []);
  });

  it('guest-shutdown reports what the program printed, else its status, when it fails', async (t) => {
    const refusal = (setting: Setting) =>
      createPowerStage(t, { programs: ['/sbin/halt'], ...setting }).refusal('guest-shutdown', { mode: 'halt' });
    assert.equal(await refusal({ end: { code: 7 } }), 'child process has failed to shutdown: exit status 7');
    assert.equal(await refusal({ end: { code: 1 }, says: 'busy\n' }), 'child process has failed to shutdown: busy');
    assert.equal(await refusal({ end: { signal: 9 } }), 'child process has terminated abnormally');
    assert.equal(
      await refusal({ programs: [] }),
      'child process has failed to shutdown: /sbin/shutdown: No such file or directory',
    );
  });
});

suite('guest-set-time', () => {
  it('guest-set-time sets the system clock, then the hardware clock from it', async (t) => {
    const stage = createPowerStage(t, { programs: ['/sbin/hwclock'] });
    await stage.ask(setTime, { time: 1_700_000_000_123_456_789n });
    await stage.ask(setTime, { time: 0n });
    assert.deepEqual(stage.clockSet, [1_700_000_000_123_456_789n, 0n]);
    assert.deepEqual(stage.argv(), [
      ['/sbin/hwclock', '-w'],
      ['/sbin/hwclock', '-w'],
    ]);
  });

  it('guest-set-time without a time sets the system clock from the hardware clock', async (t) => {
    const stage = createPowerStage(t, { programs: ['/sbin/hwclock'] });
    await stage.ask(setTime, {});
    assert.deepEqual(stage.clockSet, []);
    assert.deepEqual(stage.argv(), [['/sbin/hwclock', '-s']]);
  });

  it('guest-set-time accepts the years 1970 to 2069 only', async (t) => {
    const stage = createPowerStage(t, { programs: ['/sbin/hwclock'] });
    const last = BigInt(Date.UTC(2070)) * 1_000_000n - 1n;
    await stage.ask(setTime, { time: last });
    for (const time of [-1n, last + 1n, 2n ** 63n - 1n, -(2n ** 63n)])
      assert.equal(await stage.refusal('guest-set-time', { time }), 'Invalid time');
    assert.deepEqual(stage.clockSet, [last]);
  });

  it('guest-set-time reports when the hardware clock cannot be set, although the system clock is', async (t) => {
    const stage = createPowerStage(t, {});
    assert.equal(
      await stage.refusal('guest-set-time', { time: 1 }),
      'child process has failed to set hardware clock to system time: /sbin/hwclock: No such file or directory',
    );
    assert.deepEqual(stage.clockSet, [1n]);
  });

  it('guest-set-time reports the kernel’s error to users who may not set the clock', async (t) => {
    assert.equal(
      await createStage(t).refusal('guest-set-time', { time: 1 }),
      'Failed to set time to guest: Operation not permitted',
    );
  });
});
