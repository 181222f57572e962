/**
 * Each part of Stillframe that thaws, alone: a real guest with the stock agent, which has no lease, and a host worker without a warden. The guest's
 * own lease and the warden are shown alone by the drills.
 */

import type { Client } from '@temporalio/client';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectClient, type Temporal } from '../../client/connection.ts';
import { startBackup } from '../../client/backups.ts';
import { resolveServer } from '../../client/settings.ts';
import { handleOf, startWorkflow } from '../../client/workflows.ts';
import { ask } from '../../demo/site.ts';
import { openJournal, type Journal } from '../../host/journal/journal.ts';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { startMonitorProxy, type MonitorProxy } from '../../infra/lab/monitor-proxy.ts';
import { startDevServer, type DevServer } from '../../infra/temporal/dev-server.ts';
import { exists } from '../../lib/durable.ts';
import { backupId, hostId, newBackupId } from '../../model/ids.ts';
import type { WindowKey, WindowOutcome } from '../../model/window/window.ts';
import { backupGuest } from '../../model/workflows/backup-guest.ts';
import { heldWindow } from '../../model/workflows/held-window.ts';
import { thawGuardian } from '../../model/workflows/thaw-guardian.ts';
import { createRepository } from '../../repository/points.ts';
import { makeTemporary, startEntry, type RunningEntry } from '../workers/up-process.ts';

const undo = new AsyncDisposableStack();
const host = hostId('lab');
let directory: string;
let guest: LabGuest;
let proxy: MonitorProxy;
let server: DevServer;
let temporal: Temporal;
let client: Client;
let journal: Journal;
let control: RunningEntry;
let guardian: RunningEntry;
let worker: RunningEntry;

before(async () => {
  directory = await makeTemporary(undo);
  const state = join(directory, 'state');
  const repository = join(directory, 'repository');
  await createRepository(repository);
  guest = await startGuest({ directory, name: 'db1', agent: 'qemu-ga' });
  undo.defer(() => guest.stop());
  proxy = await startMonitorProxy(join(directory, 'monitor.sock'), guest.monitor);
  undo.defer(() => proxy.close());
  server = await startDevServer({ socket: join(directory, 'temporal.sock') });
  undo.defer(() => server.stop());
  // A snapshot command that never ends by itself, nor outlives its worker.
  const slow = `setpriv, --pdeathsig, KILL, sh, -c, 'touch ${join(directory, 'began')}; exec sleep 600'`;
  await writeFile(
    join(directory, 'host.yaml'),
    `host: ${host}
guests: [{ name: db1, channel: ${guest.channel}, monitor: ${proxy.path} }]
limits: { gap: 0s, perHour: 0 }
scratch: { path: ${directory}/scratch }
repositories: { main: ${repository} }
snapshots: { slow: [${slow}] }
`,
  );
  journal = openJournal({ stateDir: state });
  control = start('control.ts');
  guardian = start('guardian.ts');
  worker = startHost();
  temporal = await connectClient(await resolveServer({ address: server.address }, {}));
  client = temporal.client;
  undo.defer(() => temporal.connection.close());
  await serves();
});
after(() => undo.disposeAsync());

const start = (entry: string, ...args: string[]) => startEntry(undo, entry, [...args, '--address', server.address]);
const startHost = () => start('host.ts', '--config', join(directory, 'host.yaml'), '--state', join(directory, 'state'));

async function kill({ child, ended }: RunningEntry): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

/** Resolves when a worker takes work. */
async function serves(): Promise<void> {
  for (let tries = 0; ; tries++) {
    const question = { guest: guest.uuid, host, command: 'ping' as const, backup: backupId(`ping-${tries}`) };
    const answer = await ask(client, question).catch((error: unknown) => error);
    if (!(answer instanceof Error)) return;
  }
}

const newKey = (): WindowKey => ({
  guest: guest.uuid,
  backup: newBackupId(Date.now(), randomBytes(4).toString('hex')),
  attempt: 1,
});

/** A held window that stands to the end of its lease unless somebody ends it. */
async function openHeld(leaseMs: number): Promise<WindowKey> {
  const key = newKey();
  const began = join(directory, 'began');
  await rm(began, { force: true });
  const input = { guest: key.guest, backup: key.backup, guestName: 'db1', host, snapshot: 'slow', leaseMs };
  await startWorkflow(client, heldWindow, input, { summary: 'alone' });
  while (!(await exists(began))) await delay(20);
  return key;
}

async function outcomeOf(key: WindowKey): Promise<WindowOutcome> {
  for (;;) {
    const outcome = await journal.outcome(key);
    if (outcome) return outcome;
    await delay(20);
  }
}

/** The server fires the guardian's timer whether or not a worker runs. */
async function untilDue(key: WindowKey): Promise<void> {
  for (;;) {
    const { events } = await handleOf(client, thawGuardian, key).fetchHistory();
    if (events!.some(({ timerFiredEventAttributes }) => timerFiredEventAttributes)) return;
    await delay(100);
  }
}

async function assertThawedBy(key: WindowKey, by: WindowOutcome['thawedBy']): Promise<void> {
  const { thawedBy, closing, claim } = await outcomeOf(key);
  // What the thaw found shows that nobody else had thawed before.
  assert.deepEqual([thawedBy, closing, claim.thawedCount], [by, 'status-thawed', 2]);
  for (let time = 0; time < 2; time++) await Promise.all(guest.disks.map(({ name }) => guest.console.nextWrite(name)));
}

it('the workflow alone thaws: the worker died in the window, no warden watched it, and the next worker pursues nothing by itself', async () => {
  const hold = proxy.hold('transaction');
  const key = newKey();
  const input = { guest: key.guest, backup: key.backup, guestName: 'db1', host, repository: 'main', want: 'filesystem' as const };
  const runId = await startBackup(temporal, input);
  await hold.seen;
  await kill(worker);
  hold.release();
  worker = startHost();
  await assert.rejects(handleOf(client, backupGuest, key, runId).result());
  await assertThawedBy(key, 'workflow');
});

it('the guardian alone thaws: worker and workflow are gone, no warden watched them, and its own worker was down when the window was due', async () => {
  await serves();
  const key = await openHeld(1_000);
  await kill(worker);
  await handleOf(client, heldWindow, key).terminate('by an operator');
  await kill(guardian);
  worker = startHost();
  await untilDue(key);
  assert.equal(await journal.outcome(key), null);
  guardian = start('guardian.ts');
  await assertThawedBy(key, 'guardian');
});

it('the lease alone thaws: workflow and guardian are terminated', async () => {
  const key = await openHeld(2_000);
  await handleOf(client, heldWindow, key).terminate('by an operator');
  await handleOf(client, thawGuardian, key).terminate('by an operator');
  await assertThawedBy(key, 'lease');
});

it('thaw --local alone thaws: nothing else of Stillframe runs', async () => {
  const key = await openHeld(20_000);
  for (const each of [worker, control, guardian]) await kill(each);
  process.kill(server.pid, 'SIGKILL');
  const { status } = await startEntry(undo, 'thaw-local.ts', ['--state', join(directory, 'state')]).ended;
  assert.equal(status, 0);
  await assertThawedBy(key, 'operator');
});
