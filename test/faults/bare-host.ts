/**
 * A host whose parts a test starts and kills one by one: a real guest with the stock agent, which has no lease of its own, a server, the two
 * workers of the workflows, and a host worker without a warden.
 */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startBackup } from '../../client/backups.ts';
import { connectClient, type Temporal } from '../../client/connection.ts';
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
import { backupGuest, type BackupResult } from '../../model/workflows/backup-guest.ts';
import { heldWindow } from '../../model/workflows/held-window.ts';
import { createRepository } from '../../repository/points.ts';
import { makeTemporary, startEntry, type EntryOptions, type RunningEntry } from '../workers/up-process.ts';

export interface BareHost {
  directory: string;
  stateDir: string;
  guest: LabGuest;
  proxy: MonitorProxy;
  server: DevServer;
  temporal: Temporal;
  journal: Journal;
  /** What runs now; a test that kills one puts the next in its place. */
  control: RunningEntry;
  guardian: RunningEntry;
  worker: RunningEntry;
  /** A workers' entry on this server. */
  start(entry: 'control.ts' | 'guardian.ts'): RunningEntry;
  startHost(entry?: 'host.ts' | 'warden.ts', options?: EntryOptions): RunningEntry;
  /** Resolves when a host worker takes work. */
  serves(): Promise<void>;
  /** A held window that stands to the end of its lease unless somebody ends it. */
  openHeld(leaseMs: number): Promise<WindowKey>;
  startBackup(): Promise<{ key: WindowKey; result: () => Promise<BackupResult> }>;
  /** How a window ended, once it has. */
  outcomeOf(key: WindowKey): Promise<WindowOutcome>;
  /** Resolves when each writer has finished a file that it began now. */
  writersMove(): Promise<void>;
}

export async function startBareHost(undo: AsyncDisposableStack): Promise<BareHost> {
  const host = hostId('lab');
  const directory = await makeTemporary(undo);
  const stateDir = join(directory, 'state');
  const config = join(directory, 'host.yaml');
  const began = join(directory, 'began');
  const repository = join(directory, 'repository');
  await createRepository(repository);
  const guest = await startGuest({ directory, name: 'db1', agent: 'qemu-ga' });
  undo.defer(() => guest.stop());
  const proxy = await startMonitorProxy(join(directory, 'monitor.sock'), guest.monitor);
  undo.defer(() => proxy.close());
  const server = await startDevServer({ socket: join(directory, 'temporal.sock') });
  undo.defer(() => server.stop());
  const temporal = await connectClient(await resolveServer({ address: server.address }, {}));
  undo.defer(() => temporal.connection.close());
  // A snapshot command that does not end by itself, and that no killed worker leaves behind.
  const slow = `setpriv, --pdeathsig, KILL, sh, -c, 'touch ${began}; exec sleep 600'`;
  await writeFile(
    config,
    `host: ${host}
guests: [{ name: db1, channel: ${guest.channel}, monitor: ${proxy.path} }]
limits: { gap: 0s, perHour: 0 }
scratch: { path: ${directory}/scratch }
repositories: { main: ${repository} }
snapshots: { slow: [${slow}] }
`,
  );
  const onServer = ['--address', server.address];
  const start = (entry: string) => startEntry(undo, entry, onServer);
  const startHost = (entry: 'host.ts' | 'warden.ts' = 'host.ts', options: EntryOptions = {}) =>
    startEntry(undo, entry, ['--config', config, '--state', stateDir, ...onServer], options);
  const [control, guardian, worker] = [start('control.ts'), start('guardian.ts'), startHost()];
  const { client } = temporal;
  const journal = openJournal({ stateDir });
  const newKey = (): WindowKey => ({
    guest: guest.uuid,
    backup: newBackupId(Date.now(), randomBytes(4).toString('hex')),
    attempt: 1,
  });

  const bare: BareHost = {
    directory,
    stateDir,
    guest,
    proxy,
    server,
    temporal,
    journal,
    control,
    guardian,
    worker,
    start,
    startHost,

    async serves() {
      for (let tries = 0; ; tries++) {
        const question = { guest: guest.uuid, host, command: 'ping' as const, backup: backupId(`ping-${tries}`) };
        const failure = await ask(client, question).then(
          () => null,
          (error: unknown) => error,
        );
        if (failure === null) return;
      }
    },

    async openHeld(leaseMs) {
      const key = newKey();
      await rm(began, { force: true });
      const input = { guest: key.guest, backup: key.backup, guestName: 'db1', host, snapshot: 'slow', leaseMs };
      await startWorkflow(client, heldWindow, input, { summary: 'test' });
      while (!(await exists(began))) await delay(20);
      return key;
    },

    async startBackup() {
      const key = newKey();
      const { guest: id, backup } = key;
      const input = { guest: id, backup, guestName: 'db1', host, repository: 'main', want: 'filesystem' as const };
      const runId = await startBackup(temporal, input);
      return { key, result: () => handleOf(client, backupGuest, key, runId).result() };
    },

    async outcomeOf(key) {
      for (;;) {
        const outcome = await journal.outcome(key);
        if (outcome) return outcome;
        await delay(20);
      }
    },

    async writersMove() {
      // The first may have been on its way already.
      for (let time = 0; time < 2; time++)
        await Promise.all(bare.guest.disks.map(({ name }) => bare.guest.console.nextWrite(name)));
    },
  };
  await bare.serves();
  return bare;
}

/** Ends a process as nothing can prevent. */
export async function kill({ child, ended }: RunningEntry): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

/** `by` thawed, and what its thaw found shows that nobody else had thawed before. */
export function assertThawedBy({ thawedBy, closing, claim }: WindowOutcome, by: WindowOutcome['thawedBy']): void {
  assert.deepEqual([thawedBy, closing, claim.thawedCount], [by, 'status-thawed', 2]);
}
