/** Windows against the core of our agent itself: what one end says, the other reads. Only the kernel below it is a fake. */

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { createAgent } from '../../../agent/core/agent.ts';
import { defaultSettings } from '../../../agent/core/config/settings.ts';
import type { Channel, Files, Platform } from '../../../agent/core/platform.ts';
import { createSession } from '../../../agent/core/session.ts';
import { createNodePlatform } from '../../../agent/platform/node/platform.ts';
import { connectAgent } from '../../../host/channel/agent-channel.ts';
import { openJournal } from '../../../host/journal/journal.ts';
import { createWindows } from '../../../host/window/windows.ts';
import { gradePoint } from '../../../model/window/grading.ts';
import { createFakeFreezing } from '../../agent/fakes/fake-freezing.ts';
import { fakeTreePlatform } from '../../agent/fakes/fake-tree.ts';
import { createFakeDriver } from '../../fakes/fake-driver.ts';
import { db1, request, verdict } from './stage.ts';
import { backupId } from '../../../model/ids.ts';
import { makeFolder } from '../../support/folder.ts';

const clean = { thawedBy: 'window', closing: 'status-thawed', reasons: [], failure: null, point: true };

const bootId = '0b6f5a52-1f5e-4a0c-9a3c-6d2f1f0e7c5b';
const mounts = [
  '1 0 900:0 / / rw - ext4 /dev/vda rw',
  '2 1 900:16 / /data rw - xfs /dev/vdb rw',
  '3 1 900:32 / /boot/efi rw - vfat /dev/vdc rw',
];

/** Where the fake driver has its two disks. */
const disks = {
  '/sys/dev/block/900:0': '/sys/devices/pci0000:00/0000:00:02.0/virtio0/block/vda',
  '/sys/dev/block/900:16': '/sys/devices/pci0000:00/0000:00:03.0/virtio1/block/vdb',
  '/sys/dev/block/900:32': '/sys/devices/pci0000:00/0000:00:03.0/virtio1/block/vdb/vdb1',
  '/sys/devices/pci0000:00/0000:00:02.0/driver': '/sys/bus/pci/drivers/virtio-pci',
  '/sys/devices/pci0000:00/0000:00:03.0/driver': '/sys/bus/pci/drivers/virtio-pci',
};

/** /proc and /sys are the test's; files and hooks are in its own directory. */
function guestPlatform(directory: string, freezing: Platform['freezing']): Platform {
  const node = createNodePlatform([]);
  const state = `90 1 0:24 / ${directory} rw - tmpfs tmpfs rw`;
  const tree = fakeTreePlatform({
    texts: {
      '/proc/self/mountinfo': `${[...mounts, state].join('\n')}\n`,
      '/proc/sys/kernel/random/boot_id': `${bootId}\n`,
      ...Object.fromEntries(Object.values(disks).map((path) => [`${path}/uevent`, ''])),
    },
    links: { '/proc/self/ns/mnt': 'mnt:[1]', ...disks },
  });
  const files = new Proxy(node.files, {
    get: (real, name: keyof Files) =>
      ((path: string, ...more: never[]) => {
        const { [name]: call } = /^\/(proc|sys)\//.test(String(path)) ? tree.files : real;
        return (call as (...all: unknown[]) => unknown)(path, ...more);
      }) as never,
  });
  const process = { ...node.process, syslog: () => {}, standardError: () => {} };
  return { ...node, process, files, kernel: tree.kernel, freezing };
}

/** `hooks`: by name, what each does. */
async function setStage(t: TestContext, hooks: Record<string, string> = {}) {
  const directory = await makeFolder();
  for (const [name, script] of Object.entries(hooks))
    await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const freezing = createFakeFreezing();
  freezing.mood('/boot/efi', 'cannot');
  const [name] = Object.keys(hooks);
  const hook = name === undefined ? undefined : join(directory, name);
  const platform = guestPlatform(directory, freezing);
  const agent = createAgent(platform, { ...defaultSettings(), stateDirectory: directory, hook });
  const asked = Promise.withResolvers<void>();
  const path = join(directory, 'agent.sock');
  const session = createSession(agent, () => channel);
  // Without `owes`, as on a virtio port: there is no half-closed client that could be waited for, and the next one is served.
  const channel: Channel = platform.channels.open('unix-listen', path, {
    clientChanged: () => session.clientChanged(false),
    drained: () => session.drained(),
    data(bytes) {
      if (Buffer.from(bytes).includes('__org.stillframe_thaw')) asked.resolve();
      session.data(bytes);
    },
    failed(error) {
      throw error;
    },
  });
  const driver = createFakeDriver({ id: db1, name: 'db', channel: { kind: 'socket', path }, carries: [] });
  const journal = openJournal({ stateDir: directory });
  const windows = createWindows({
    driver,
    journal,
    config: { limits: { leaseMs: 20_000, leaseCapMs: 30_000, gapMs: 0, perHour: 0 }, snapshots: {} },
    connect: connectAgent,
    log: () => {},
  });
  t.after(async () => {
    driver.guestHas('shutdown');
    await windows.drain();
    await agent.freeze!.thaw();
    channel.close();
    await rm(directory, { recursive: true });
  });
  return { agent, freezing, driver, journal, windows, thawAsked: asked.promise };
}

it('a clean window is proven by epoch and boot, and worth application when the hook inside the guest succeeded', async (t) => {
  const { freezing, driver, windows } = await setStage(t, { 'db-hook': 'exit 0' });
  driver.begin = async () => assert.deepEqual([...freezing.frozen].toSorted(), ['/', '/data']);
  const outcome = await windows.freezeWindow(request);
  assert.deepEqual(verdict(outcome), clean);
  const { lease, filesystems, frozenCount, thawedCount } = outcome.claim;
  assert.deepEqual([frozenCount, thawedCount, lease?.bootId, lease?.epochAtProof, lease?.leaseFired], [2, 2, bootId, 1, false]);
  assert.deepEqual(filesystems.map(({ mountpoint, outcome: became }) => `${mountpoint} ${became}`).toSorted(), [
    '/ frozen',
    '/boot/efi not-freezable',
    '/data frozen',
  ]);
  assert.deepEqual(gradePoint(outcome, []), { grade: 'application', reasons: ['not-freezable /boot/efi vfat'] });
  assert.deepEqual(freezing.frozen, []);
});

it('a window without hooks is worth filesystem', async (t) => {
  const { windows } = await setStage(t);
  assert.equal(gradePoint(await windows.freezeWindow(request), []).grade, 'filesystem');
});

it('a hook that fails at the freeze ends the window with its name, and one that fails at the thaw costs the grade', async (t) => {
  const failing = await setStage(t, { 'db-hook': 'exit 3' });
  const outcome = await failing.windows.freezeWindow(request);
  assert.deepEqual(verdict(outcome), { ...clean, failure: 'agent-refused', point: false });
  assert.match(outcome.failure!.message, /hook/);
  assert.deepEqual(failing.freezing.frozen, []);

  const late = await setStage(t, { 'db-hook': '[ "$1" = freeze ]' });
  const graded = gradePoint(await late.windows.freezeWindow(request), []);
  assert.equal(graded.grade, 'filesystem');
  assert.match(graded.reasons[0]!, /^thaw-hook-failed .*db-hook$/);
});

it('a filesystem that somebody else froze, and one that somebody thawed, are reported by name or number', async (t) => {
  const foreign = await setStage(t);
  foreign.freezing.mood('/data', 'foreign');
  assert.deepEqual((await foreign.windows.freezeWindow(request)).reasons, ['mount-frozen-by-other /data']);

  const thawed = await setStage(t);
  const started = thawed.freezing.started();
  thawed.driver.begin = async () => (await started).thawBehind('/data');
  assert.deepEqual((await thawed.windows.freezeWindow(request)).reasons, ['thaw-found 1 of 2']);
});

it('the guest’s own lease ends a freeze without a thaw, and the outcome names it', async (t) => {
  const { freezing, driver, windows } = await setStage(t);
  const started = freezing.started();
  driver.begin = async () => (await started).deadline();
  assert.deepEqual(verdict(await windows.freezeWindow(request)), { ...clean, thawedBy: 'guest', reasons: ['lease-expired'] });
});

it('a freeze that hangs in the guest’s kernel is owed until the kernel returns, and is never reported as held', async (t) => {
  const { agent, freezing, journal, windows, thawAsked } = await setStage(t);
  freezing.mood('/data', 'hangs');
  const running = windows.freezeWindow({ ...request, leaseMs: 1_000 });
  await thawAsked;
  assert.equal((await journal.intentOf(db1))?.epoch, 1);
  assert.notEqual(agent.freeze!.state(), 'thawed');
  freezing.letGo('/data');
  assert.deepEqual(verdict(await running), { ...clean, thawedBy: 'lease', failure: 'lease-expired', point: false });
  assert.deepEqual(freezing.frozen, []);
  assert.equal(await journal.intentOf(db1), null);
});

it('the epoch of an earlier window thaws nothing of a later one', async (t) => {
  const { freezing, windows } = await setStage(t);
  await windows.freezeWindow(request);
  await windows.freeze({ ...request, backup: backupId('b-2') });
  assert.equal((await windows.thaw(request)).epoch, 1);
  assert.equal(freezing.frozen.length, 2);
  const outcome = await windows.thaw({ ...request, backup: backupId('b-2') });
  assert.equal(outcome.epoch, 2);
  assert.deepEqual(freezing.frozen, []);
});
