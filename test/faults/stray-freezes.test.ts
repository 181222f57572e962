/** Real guests with the stock agent, frozen by nobody's window: by another program, and by a memory snapshot that was taken in a freeze. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectAgent } from '../../host/channel/agent-channel.ts';
import { openMonitor } from '../../host/channel/monitor.ts';
import { createQemuDriver } from '../../host/drivers/qemu/driver.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { createSweep } from '../../host/window/sweep.ts';
import { createWindows } from '../../host/window/windows.ts';
import { accelerator } from '../../infra/lab/accelerator.ts';
import { readConsole } from '../../infra/lab/console.ts';
import { copyDisk } from '../../infra/lab/disks.ts';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { guestParts } from '../../infra/lab/parts.ts';
import { startMachine } from '../../infra/lab/qemu.ts';
import type { StrayPolicy } from '../../model/guest/stray-freeze.ts';
import { connectAgent as connectRaw } from '../infra/lab/raw-agent.ts';
import { makeFolder } from '../support/folder.ts';

let directory: string;
let guest: LabGuest;

before(async () => {
  directory = await makeFolder();
  guest = await startGuest({ directory, name: 'db1', agent: 'qemu-ga' });
});
after(async () => {
  await guest?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A host with one guest, and a state directory of this name. */
function hostOf(policy: StrayPolicy, name: string, on: Pick<LabGuest, 'channel' | 'monitor'> = guest) {
  const stateDir = join(directory, name);
  const journal = openJournal({ stateDir });
  const listed = { kind: 'listed' as const, name: 'db1', id: undefined, channel: on.channel, monitor: on.monitor, carries: [] };
  const scratch = { path: join(stateDir, 'scratch'), limitBytes: undefined, marginBytes: 0 };
  const log = () => {};
  const driver = createQemuDriver({ config: { guests: [listed], scratch }, stateDir, log });
  const limits = { leaseMs: 10_000, leaseCapMs: 10_000, gapMs: 0, perHour: 0 };
  const windows = createWindows({ driver, journal, config: { limits, snapshots: {} }, connect: connectAgent, log });
  return createSweep({ driver, journal, windows, connect: connectAgent, policy, stateDir, log });
}

async function freezeRaw(): Promise<void> {
  const other = await connectRaw(guest.channel);
  await other.execute('guest-fsfreeze-freeze');
  other.close();
}

async function writersMove({ disks, console }: Pick<LabGuest, 'console'> & { disks: { name: string }[] } = guest): Promise<void> {
  // The first may have been on its way already.
  for (let time = 0; time < 2; time++) await Promise.all(disks.map(({ name }) => console.nextWrite(name)));
}

test('a guest that a foreign client left frozen is found, kept frozen by "report", and thawed by "thaw" at the second sweep', async () => {
  await freezeRaw();
  const reporting = hostOf('report', 'report');
  for (let time = 1; time <= 3; time++) assert.equal((await reporting.run()).strays[0]?.sweeps, time);
  const thawing = hostOf('thaw', 'thaw');
  assert.equal((await thawing.run()).strays.length, 1);
  assert.deepEqual((await thawing.run()).strays, []);
  await writersMove();
  assert.deepEqual((await reporting.run()).strays, []);
});

test('a guest that holds its freeze with its channel is left alone, and is not called thawed', async () => {
  const other = await connectRaw(guest.channel);
  await other.execute('guest-fsfreeze-freeze');
  const sweep = hostOf('thaw', 'held');
  for (let time = 0; time < 3; time++) {
    assert.deepEqual((await sweep.run()).unseen, [{ guestName: 'db1', why: 'channel-held' }]);
  }
  assert.equal(await other.execute('guest-fsfreeze-status'), 'frozen');
  await other.execute('guest-fsfreeze-thaw');
  other.close();
  await writersMove();
});

test('a memory snapshot of a frozen guest, loaded where nobody owes it a thaw, is found and thawed', async () => {
  await freezeRaw();
  const memory = join(directory, 'memory');
  const monitor = await openMonitor({ path: guest.witness });
  await monitor.execute('stop');
  await monitor.execute('migrate', { uri: `exec:cat > '${memory}'` });
  for (let status = ''; status !== 'completed'; await pause()) {
    ({ status } = (await monitor.execute('query-migrate')) as { status: string });
    assert.notEqual(status, 'failed');
  }
  monitor.close();
  await using loaded = await load(memory);
  const sweep = hostOf('thaw', 'loaded', loaded);
  assert.equal((await sweep.run()).strays.length, 1);
  assert.deepEqual((await sweep.run()).strays, []);
  await writersMove(loaded);
});

/** Another QEMU, with the memory and the disks of the frozen guest. */
async function load(memory: string) {
  const home = join(directory, 'db2');
  await mkdir(home);
  const disks = guest.disks.map(({ name, path }) => ({ from: path, name, path: join(home, `${name}.raw`) }));
  for (const { from, path } of disks) await copyDisk(from, path);
  const parts = await guestParts({ ours: false, programs: true });
  const socket = (of: string) => join(home, `${of}.sock`);
  const machine = startMachine({
    accelerator: await accelerator(parts),
    kernel: parts.kernel,
    initrd: parts.initrd,
    words: ['sf.mode=run', 'sf.agent=qemu-ga', 'sf.disks=ext4,xfs'],
    uuid: randomUUID(),
    disks,
    ports: [
      { path: socket('channel'), name: 'org.qemu.guest_agent.0' },
      { path: socket('own'), name: 'org.stillframe.agent.0' },
    ],
    shell: socket('shell'),
    monitors: [socket('monitor'), socket('witness')],
    incoming: memory,
  });
  const console = readConsole(machine.console, machine.ended);
  while (!existsSync(socket('witness'))) await pause();
  const monitor = await openMonitor({ path: socket('witness') });
  while (((await monitor.execute('query-status')) as { status: string }).status === 'inmigrate') await pause();
  await monitor.execute('cont');
  monitor.close();
  return { channel: socket('channel'), monitor: socket('monitor'), disks, console, [Symbol.asyncDispose]: () => machine.kill() };
}

/** QEMU reports nothing when a snapshot is written or loaded, so both are asked for. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
