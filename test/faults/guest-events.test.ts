/** What a real guest can do inside a held window: pause, reset, end, be killed, migrate. With the stock agent, which has no lease of its own. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectAgent } from '../../host/channel/agent-channel.ts';
import { openMonitor } from '../../host/channel/monitor.ts';
import type { Connect } from '../../host/channel/types.ts';
import type { Driver } from '../../host/drivers/driver.ts';
import { createQemuDriver } from '../../host/drivers/qemu/driver.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { createWindows } from '../../host/window/windows.ts';
import { accelerator } from '../../infra/lab/accelerator.ts';
import { readConsole } from '../../infra/lab/console.ts';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { guestParts } from '../../infra/lab/parts.ts';
import { startMachine } from '../../infra/lab/qemu.ts';
import { backupId } from '../../model/ids.ts';
import type { WindowKey, WindowOutcome } from '../../model/window/window.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { fsfreezeFreeze } from '../../protocol/agent/commands/guest-fsfreeze-freeze.ts';
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

/** Far longer than any event takes: what ends a window here is the event. */
const longLeaseMs = 20_000;
let windowsSoFar = 0;

interface Options {
  leaseMs?: number;
  /** Runs when all has been checked, right before the freeze is sent. */
  beforeFreeze?: () => Promise<unknown>;
  /** The first byte of the freeze is with the kernel. */
  onFreezeSent?: () => void;
  /** The host learns nothing of its guest before this. */
  eventsFrom?: Promise<unknown>;
}

/** A host of its own for each window. */
function host({ leaseMs = longLeaseMs, beforeFreeze, onFreezeSent, eventsFrom }: Options = {}) {
  const key: WindowKey = { guest: guest.uuid, backup: backupId(`b-${++windowsSoFar}`), attempt: 1 };
  const stateDir = join(directory, key.backup);
  const { channel, monitor, name } = guest;
  const log = () => {};
  const qemu = createQemuDriver({
    config: {
      guests: [{ kind: 'listed', name, id: undefined, channel, monitor, carries: [] }],
      scratch: { path: join(stateDir, 'scratch'), limitBytes: undefined, marginBytes: 0 },
    },
    stateDir,
    log,
  });
  const driver: Driver = {
    ...qemu,
    async watch(of) {
      const watch = await qemu.watch(of);
      return { ...watch, on: (listener) => watch.on((event) => void Promise.resolve(eventsFrom).then(() => listener(event))) };
    },
  };
  const connect: Connect = async (...to) => {
    const inner = await connectAgent(...to);
    return {
      close: () => inner.close(),
      async execute(command, args, options) {
        if (command.name !== fsfreezeFreeze.name) return inner.execute(command, args, options);
        await beforeFreeze?.();
        const onSent = () => {
          options?.onSent?.();
          onFreezeSent?.();
        };
        return inner.execute(command, args, { ...options, onSent });
      },
    };
  };
  const journal = openJournal({ stateDir });
  const limits = { leaseMs, leaseCapMs: leaseMs, gapMs: 0, perHour: 0 };
  const windows = createWindows({ driver, journal, config: { limits, snapshots: {} }, connect, log });
  return {
    async freeze() {
      await driver.inventory();
      return windows.freeze(key);
    },
    owed: async () => (await windows.status(guest.uuid)) !== null,
    async outcome(): Promise<WindowOutcome> {
      for (;;) {
        const outcome = await windows.outcome(key);
        if (outcome) return outcome;
        await delay(20);
      }
    },
  };
}

async function qmp(command: string, args?: JsonObject): Promise<unknown> {
  const monitor = await openMonitor({ path: guest.witness });
  try {
    return await monitor.execute(command, args);
  } finally {
    monitor.close();
  }
}

async function writersMove({ disks, console }: Pick<LabGuest, 'disks' | 'console'> = guest): Promise<void> {
  // The first may have been on its way already.
  for (let time = 0; time < 2; time++) await Promise.all(disks.map(({ name }) => console.nextWrite(name)));
}

const endOf = ({ thawedBy, closing, failure }: WindowOutcome) => [thawedBy, closing, failure?.code];

/** The same guest on the same sockets, after its QEMU has ended. */
async function startAgain(): Promise<void> {
  await guest.ended;
  await guest.stop();
  guest = await startGuest({ directory, name: guest.name, uuid: guest.uuid, agent: 'qemu-ga' });
}

it('a guest that is paused inside the window is owed its thaw until it runs on', async () => {
  const { freeze, owed, outcome } = host();
  await freeze();
  await qmp('stop');
  assert.equal(await owed(), true);
  await qmp('cont');
  assert.deepEqual(endOf(await outcome()), ['event', 'status-thawed', 'guest-stopped']);
  await writersMove();
});

for (const when of ['at once', 'when it runs on'] as const)
  it(`a freeze that reaches a guest that was just paused, of which the host learns ${when}, leaves nothing frozen`, async () => {
    const sent = Promise.withResolvers<void>();
    const learned = Promise.withResolvers<void>();
    const { freeze, owed, outcome } = host({
      beforeFreeze: () => qmp('stop'),
      onFreezeSent: () => sent.resolve(),
      eventsFrom: learned.promise,
    });
    const freezing = freeze().catch((error: unknown) => error);
    await sent.promise;
    // QEMU reads its sockets in one loop: behind these answers the freeze is in the guest's port.
    for (let time = 0; time < 5; time++) await qmp('query-status');
    if (when === 'at once') learned.resolve();
    assert.equal(await owed(), true);
    await qmp('cont');
    if (when === 'when it runs on') await freezing;
    learned.resolve();
    const ended = await outcome();
    assert.deepEqual(endOf(ended), ['event', 'status-thawed', 'guest-stopped']);
    // Learned at once, the host hangs up, and the port of a paused guest may drop what that has not read.
    if (when === 'when it runs on') assert.equal(ended.claim.thawedCount, 2);
    await freezing;
    await writersMove();
  });

it('a guest that is reset inside the window is thawed when the agent of the next boot says so', async () => {
  const { freeze, outcome } = host();
  // Lab guests end with a reset otherwise.
  await qmp('set-action', { reboot: 'reset' });
  await freeze();
  await qmp('system_reset');
  assert.deepEqual(endOf(await outcome()), ['event', 'status-thawed', 'guest-stopped']);
  await writersMove();
});

it('a window whose QEMU is killed is owed its thaw until the agent of the next boot says that it is thawed', async () => {
  // That its QEMU is gone proves nothing, so the window stands to its lease.
  const { freeze, owed, outcome } = host({ leaseMs: 2_000 });
  await freeze();
  process.kill(guest.pid, 'SIGKILL');
  await guest.ended;
  assert.equal(await owed(), true);
  await startAgain();
  assert.deepEqual(endOf(await outcome()), ['lease', 'status-thawed', 'lease-expired']);
  await writersMove();
});

it('a window whose QEMU is told to quit is over', async () => {
  const { freeze, owed, outcome } = host();
  await freeze();
  await qmp('quit');
  assert.deepEqual(endOf(await outcome()), ['event', 'guest-shutdown', 'guest-stopped']);
  assert.equal(await owed(), false);
  await startAgain();
  await writersMove();
});

it('a guest whose migration begins right before its freeze is thawed before it leaves, and writes where it arrives', async () => {
  await using target = await startTarget();
  // It takes a minute, unless somebody lets it go faster.
  await qmp('migrate-set-parameters', { 'max-bandwidth': 4 * 2 ** 20 });
  const frozen = Promise.withResolvers<void>();
  const migrate = () => qmp('migrate', { uri: `unix:${target.incoming}` });
  const { freeze, outcome } = host({ beforeFreeze: migrate, eventsFrom: frozen.promise });
  await freeze();
  frozen.resolve();
  const ended = await outcome();
  assert.deepEqual(endOf(ended), ['event', 'status-thawed', 'guest-stopped']);
  assert.equal(ended.claim.thawedCount, 2);
  await writersMove();
  await assert.rejects(host().freeze(), { code: 'guest-migrating' });
  await qmp('migrate-set-parameters', { 'max-bandwidth': 2 ** 30 });
  await writersMove(target);
});

/** Another QEMU with the disks of the guest, which waits for it. */
async function startTarget() {
  const home = join(directory, 'target');
  await mkdir(home);
  const socket = (of: string) => join(home, `${of}.sock`);
  const parts = await guestParts({ ours: false, programs: true });
  const machine = startMachine({
    accelerator: await accelerator(parts),
    kernel: parts.kernel,
    initrd: parts.initrd,
    words: ['sf.mode=run', 'sf.agent=qemu-ga', 'sf.disks=ext4,xfs'],
    uuid: guest.uuid,
    disks: guest.disks,
    ports: [
      { path: socket('channel'), name: 'org.qemu.guest_agent.0' },
      { path: socket('own'), name: 'org.stillframe.agent.0' },
    ],
    shell: socket('shell'),
    monitors: [socket('monitor'), socket('witness')],
    extra: ['-incoming', `unix:${socket('incoming')}`],
  });
  while (!existsSync(socket('incoming'))) await delay(20);
  const { disks } = guest;
  return {
    incoming: socket('incoming'),
    disks,
    console: readConsole(machine.console, machine.ended),
    [Symbol.asyncDispose]: () => machine.kill(),
  };
}
