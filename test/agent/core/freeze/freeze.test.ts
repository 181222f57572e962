/** The freeze of an agent: what it reports, and that it ends, whatever happens to it. */

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, it, suite } from 'node:test';
import { createFreezeControl, type FreezeControl } from '../../../../agent/core/freeze/freeze.ts';
import { createRecords, type Records } from '../../../../agent/core/freeze/record.ts';
import type { Files, Platform } from '../../../../agent/core/platform.ts';
import { createNodePlatform } from '../../../../agent/platform/node/platform.ts';
import { createFakeFreezing, type FakeFreezing } from '../../fakes/fake-freezing.ts';
import { fakeTreePlatform } from '../../fakes/fake-tree.ts';
import { makeFolder } from '../../../support/folder.ts';

/** Devices that no machine has: this one's own disk holds the state directory. */
const root = '1 0 4094:0 / / rw - ext4 /dev/vda rw';
const data = '2 1 4094:16 / /data rw - xfs /dev/vdb rw';
const boot = '3 1 4094:32 / /boot rw - vfat /dev/vdc rw';

const whole = { epoch: 7, leaseMs: 10_000, mountPoints: undefined };

suite('a freeze', () => {
  let directory: string;
  let freezing: FakeFreezing;
  let records: Records;
  let said: string[];
  let timers: Map<() => void, number>;

  beforeEach(async () => {
    directory = await makeFolder();
    freezing = createFakeFreezing();
    said = [];
    timers = new Map();
  });
  afterEach(() => rm(directory, { recursive: true }));

  /** Time passes only when the test says so; /proc and /sys are the test's, everything else is this machine's. */
  function control(hookPath?: string): FreezeControl {
    const node = createNodePlatform([]);
    const tree = fakeTreePlatform({
      texts: { '/proc/self/mountinfo': `${[root, data, boot, `4 1 0:24 / ${directory} rw - tmpfs tmpfs rw`].join('\n')}\n` },
      links: { '/proc/self/ns/mnt': 'mnt:[1]' },
    });
    const isFake = (path: string) => path.startsWith('/proc') || path.startsWith('/sys');
    const files = new Proxy(node.files, {
      get: (real, name: keyof Files) =>
        ((path: string, ...more: never[]) =>
          (isFake(String(path)) ? (tree.files[name] as never) : (real[name] as never as (...all: unknown[]) => unknown))(
            path as never,
            ...more,
          )) as never,
    });
    const platform = {
      ...node,
      files,
      kernel: tree.kernel,
      freezing,
      clock: {
        ...node.clock,
        after(ms: number, run: () => void) {
          timers.set(run, ms);
          return () => timers.delete(run);
        },
      },
    } satisfies Platform;
    records = createRecords(platform, directory, 'this-boot');
    const log = {
      note: (_: string, text: string) => void said.push(text),
      audit: (text: string) => void said.push(text),
      hold: () => void said.push('hold'),
      release: () => void said.push('release'),
    };
    return createFreezeControl(platform, { log, records, hookPath, bootId: 'this-boot' });
  }

  /** Lets every timer of at most `ms` run out. */
  function pass(ms: number): void {
    for (const [run, after] of timers) {
      if (after > ms) continue;
      timers.delete(run);
      run();
    }
  }

  async function hook(name: string, script: string): Promise<void> {
    await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  it('a freeze reports the result for each filesystem, and lasts until the thaw', async () => {
    freezing.mood('/boot', 'cannot');
    freezing.mood('/data', 'foreign');
    const agent = control();
    const { filesystems } = await agent.freeze(whole);
    assert.deepEqual(
      filesystems.map(({ mountPoint, outcome }) => `${mountPoint} ${outcome}`),
      ['/boot not-freezable', '/data foreign', '/ frozen'],
    );
    assert.equal(agent.state(), 'frozen');
    assert.deepEqual(agent.held().mountPoints, ['/']);
    assert.deepEqual(agent.foreign(), ['/data']);
    const thawed = await agent.thaw();
    assert.deepEqual(thawed?.filesystems, [{ mountPoint: '/', path: '/', outcome: 'thawed' }]);
    assert.equal(thawed.leaseFired, false);
    assert.equal(agent.state(), 'thawed');
    assert.deepEqual(freezing.frozen, []);
  });

  it('one filesystem that fails leaves nothing frozen', async () => {
    freezing.mood('/', 'fails');
    const agent = control();
    await assert.rejects(agent.freeze(whole), { message: 'failed to freeze /: Input/output error' });
    assert.equal(agent.state(), 'thawed');
    assert.deepEqual(freezing.frozen, []);
    assert.deepEqual(await readdir(directory), []);
  });

  it('a freeze of nothing leaves the agent thawed, and runs no hook', async () => {
    await hook('hook', `touch ${directory}/ran`);
    const agent = control(join(directory, 'hook'));
    assert.deepEqual((await agent.freeze({ ...whole, mountPoints: ['/none'] })).filesystems, []);
    assert.equal(agent.state(), 'thawed');
    assert.deepEqual(await readdir(directory), ['hook']);
  });

  it('the lease ends a freeze, and the next thaw reports it', async () => {
    const agent = control();
    await agent.freeze(whole);
    pass(10_000);
    await agent.thaw();
    assert.deepEqual(freezing.frozen, []);
    assert.equal(agent.last()?.leaseFired, true);
    assert.equal(agent.last()?.epoch, 7);
  });

  it('the guard’s own deadline ends a freeze as well', async () => {
    const agent = control();
    const started = freezing.started();
    await agent.freeze(whole);
    (await started).deadline();
    await agent.thaw();
    assert.equal(agent.last()?.leaseFired, true);
  });

  it('a guard that is stopped is abandoned, and its filesystems are thawed without it', async () => {
    const agent = control();
    const started = freezing.started();
    await agent.freeze(whole);
    (await started).stopGuard();
    const thawing = agent.thaw();
    pass(500);
    assert.deepEqual(
      (await thawing)?.filesystems.map(({ outcome }) => outcome),
      ['thawed', 'thawed', 'thawed'],
    );
    assert.deepEqual(freezing.frozen, []);
  });

  it('a guard that is killed ends the freeze', async () => {
    const agent = control();
    const started = freezing.started();
    await agent.freeze(whole);
    (await started).killGuard();
    await agent.thaw();
    assert.equal(agent.state(), 'thawed');
    assert.deepEqual(freezing.frozen, []);
  });

  it('a guard that is killed while filesystems still freeze fails the freeze', async () => {
    freezing.mood('/', 'hangs');
    const agent = control();
    const started = freezing.started();
    const asked = agent.freeze(whole);
    (await started).killGuard();
    await new Promise(setImmediate);
    freezing.mood('/', 'freezes');
    freezing.letGo('/');
    const failed = assert.rejects(asked, { message: /was ended before everything was frozen/ });
    for (let round = 0; round < 10 && agent.state() !== 'thawed'; round++) {
      pass(100);
      await new Promise(setImmediate);
    }
    await failed;
    assert.deepEqual(freezing.frozen, []);
  });

  it('a freeze that blocks in the kernel is reported as not thawed until the kernel has thawed it', async () => {
    freezing.mood('/', 'hangs');
    const agent = control();
    const started = freezing.started();
    const asked = agent.freeze(whole);
    await started;
    const refused = assert.rejects(agent.thaw(), { message: /the kernel still blocks the thaw of \/:/ });
    pass(8_000);
    await refused;
    assert.equal(agent.state(), 'thawing');
    assert.deepEqual(freezing.frozen, []);
    freezing.letGo('/');
    await assert.rejects(asked, { message: /ended before everything was frozen: nothing is frozen now/ });
    assert.equal(agent.state(), 'thawed');
    assert.deepEqual(freezing.frozen, []);
  });

  it('the lease ends a freeze that blocks every writer', async () => {
    freezing.mood('/', 'hangs');
    const agent = control();
    const started = freezing.started();
    const asked = agent.freeze(whole);
    await started;
    assert.deepEqual(freezing.frozen, ['/boot', '/data']);
    pass(10_000);
    assert.deepEqual(freezing.frozen, []);
    freezing.letGo('/');
    await assert.rejects(asked, { message: /the lease ended before everything was frozen/ });
    assert.equal(agent.state(), 'thawed');
  });

  it('a filesystem that another program thawed meanwhile is reported as lost', async () => {
    const agent = control();
    const started = freezing.started();
    await agent.freeze(whole);
    (await started).thawBehind('/data');
    assert.deepEqual(
      (await agent.thaw())?.filesystems.map(({ mountPoint, outcome }) => `${mountPoint} ${outcome}`),
      ['/boot thawed', '/data lost', '/ thawed'],
    );
  });

  it('nothing is logged while anything is frozen, and everything afterwards', async () => {
    const agent = control();
    await agent.freeze(whole);
    assert.deepEqual(said, ['hold']);
    await agent.thaw();
    assert.deepEqual(said, ['hold', 'release']);
  });

  it('hooks run in order before and in reverse after, each with its result', async () => {
    await mkdir(join(directory, 'hook.d'));
    for (const name of ['10-db', '20-cache', 'old.bak'])
      await hook(`hook.d/${name}`, `echo ${name} $1 $STILLFRAME_EPOCH >> ${directory}/ran; echo said`);
    const agent = control(join(directory, 'hook'));
    const { hooks } = await agent.freeze(whole);
    assert.deepEqual(hooks, [
      { name: '10-db', outcome: 'success', detail: 'said' },
      { name: '20-cache', outcome: 'success', detail: 'said' },
    ]);
    assert.deepEqual(
      (await agent.thaw())?.hooks.map(({ name }) => name),
      ['20-cache', '10-db'],
    );
    assert.equal(
      await readFile(join(directory, 'ran'), 'utf8'),
      '10-db freeze 7\n20-cache freeze 7\n20-cache thaw 7\n10-db thaw 7\n',
    );
  });

  it('a hook that fails prevents the freeze, and runs with thaw', async () => {
    await hook('hook', `echo $1 >> ${directory}/ran; [ $1 = thaw ] || { echo database says no; exit 7; }`);
    const agent = control(join(directory, 'hook'));
    await assert.rejects(agent.freeze(whole), {
      message: 'child process has failed to execute fsfreeze hook: database says no (hook)',
    });
    assert.equal(await readFile(join(directory, 'ran'), 'utf8'), 'freeze\nthaw\n');
    assert.equal(agent.state(), 'thawed');
  });

  it('a hook that hangs is killed after its time', async () => {
    await hook('hook', `[ $1 = thaw ] || { touch ${directory}/began; sleep 1000; }`);
    const agent = control(join(directory, 'hook'));
    const asked = assert.rejects(agent.freeze({ ...whole, leaseMs: 20_000 }), { message: /did not end within 10 s/ });
    while (!(await readdir(directory)).includes('began')) await new Promise(setImmediate);
    pass(10_000);
    await asked;
    assert.equal(agent.state(), 'thawed');
  });

  it('an agent that follows a killed one thaws what that left, and runs its thaw hooks', async () => {
    await hook('hook', `echo $1 >> ${directory}/ran`);
    const target = { path: '/data', device: { major: 4094, minor: 16 }, mountId: 2 };
    control();
    freezing.start([target], undefined);
    await new Promise(setImmediate);
    records.write({
      bootId: 'this-boot',
      targets: [target],
      hooks: [{ name: 'hook', path: join(directory, 'hook') }],
      processes: [],
    });
    const next = control();
    next.takeOver();
    assert.equal(next.state(), 'thawing');
    for (let round = 0; round < 1000 && next.state() !== 'thawed'; round++) {
      pass(100);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(next.state(), 'thawed');
    assert.deepEqual(freezing.frozen, []);
    assert.deepEqual((await readdir(directory)).toSorted(), ['hook', 'ran']);
  });

  it('a record of an earlier boot is ignored', () => {
    control();
    records.write({ bootId: 'another', targets: [], hooks: [], processes: [] });
    const next = control();
    next.takeOver();
    assert.equal(next.state(), 'thawed');
  });
});
