/** A whole site on one machine, of real parts: a guest, `stillframe up` over it, and a proxy that can hold its monitor back. */

import type { Client } from '@temporalio/client';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectClient } from '../client/connection.ts';
import { resolveServer, serverArgs, type ServerFlags } from '../client/settings.ts';
import { startWorkflow } from '../client/workflows.ts';
import { backupId, guestId, hostId, type GuestId } from '../model/ids.ts';
import { openJournal, type Journal } from '../host/journal/journal.ts';
import { startGuest, type LabGuest } from '../infra/lab/guest.ts';
import { startMonitorProxy, type MonitorProxy } from '../infra/lab/monitor-proxy.ts';
import { guestCommand, type GuestCommandInput, type GuestCommandResult } from '../model/workflows/guest-command.ts';
import { createRepository } from '../repository/points.ts';
import type { UpRecord } from '../workers/up.ts';

export interface Site {
  guest: LabGuest;
  proxy: MonitorProxy;
  client: Client;
  journal: Journal;
  /** The host's file. */
  config: string;
  repository: string;
  leaseMs: number;
  /** Milliseconds that `up` took. */
  upMs: number;
  /** Where the slow snapshot command says that it has begun. */
  snapshotBegan: string;
  /** Which processes there are now. */
  processes(): Promise<UpRecord>;
  /** What an operator's command line is told: this site's server, file and state. */
  environment(): Promise<NodeJS.ProcessEnv>;
  /** Process id of the host worker, the warden's only child (proc(5)). */
  hostWorker(): Promise<number>;
  /** Resolves when workflows reach the guest again, through server, worker and agent. */
  whole(): Promise<void>;
  stop(): Promise<void>;
}

export const labHost = hostId('lab');
export const repositoryName = 'main';
export const snapshots = { slow: 'slow', failing: 'failing' } as const;

/** Short, so that drills which wait for it are quick; a healthy window here holds a tenth of a second. */
const labLeaseMs = 2_000;

export interface SiteOptions {
  log?: string;
  /** Of the guest: our own when absent. */
  agent?: 'stillframe' | 'qemu-ga';
  /** A server that runs already; the site starts its own when absent. */
  server?: ServerFlags;
}

const upEntry = fileURLToPath(new URL('../workers/up.ts', import.meta.url));

export async function startSite(directory: string, options: SiteOptions = {}): Promise<Site> {
  const undo = new AsyncDisposableStack();
  try {
    const guest = await startGuest({ directory, name: 'db1', agent: options.agent ?? 'stillframe' });
    undo.defer(() => guest.stop());
    const proxy = await startMonitorProxy(join(directory, 'monitor.sock'), guest.monitor);
    undo.defer(() => proxy.close());
    const config = join(directory, 'host.yaml');
    const stateDir = join(directory, 'state');
    const repository = join(directory, 'repository');
    const snapshotBegan = join(directory, 'snapshot-began');
    await createRepository(repository);
    await writeFile(config, hostFile({ directory, guest, monitor: proxy.path, repository, snapshotBegan }));
    const startedMs = performance.now();
    const { up, address } = await startUp(config, stateDir, options.server);
    undo.defer(() => end(up));
    const upMs = performance.now() - startedMs;
    const { client, connection } = await connectClient(await resolveServer({ address, ...options.server }, process.env));
    undo.defer(() => connection.close());
    const processes = async () => JSON.parse(await readFile(join(stateDir, 'up.json'), 'utf8')) as UpRecord;
    const profile = options.server?.profile;
    const stack = undo.move();
    return {
      guest,
      proxy,
      client,
      journal: openJournal({ stateDir }),
      config,
      repository,
      leaseMs: labLeaseMs,
      upMs,
      snapshotBegan,
      processes,
      environment: async () => ({
        ...process.env,
        TEMPORAL_ADDRESS: (await processes()).address,
        ...(profile !== undefined && { TEMPORAL_PROFILE: profile }),
        STILLFRAME_CONFIG: config,
        STILLFRAME_STATE: stateDir,
      }),
      async hostWorker() {
        const warden = (await processes()).pids.host!;
        return Number((await readFile(`/proc/${warden}/task/${warden}/children`, 'utf8')).trim().split(' ')[0]);
      },
      whole: () => untilWhole(client, guestId(guest.uuid)),
      stop: () => stack.disposeAsync(),
    };
  } finally {
    await undo.disposeAsync();
  }
}

function hostFile(of: {
  directory: string;
  guest: LabGuest;
  monitor: string;
  repository: string;
  snapshotBegan: string;
}): string {
  return `# A lab: one guest, a short lease, and no rest between windows.
host: ${labHost}
guests:
  - { name: ${of.guest.name}, channel: ${of.guest.channel}, agentChannel: ${of.guest.ownChannel}, monitor: ${of.monitor} }
limits: { lease: ${labLeaseMs}ms, gap: 0s, perHour: 0 }
scratch: { path: ${of.directory}/scratch }
repositories: { ${repositoryName}: ${of.repository} }
snapshots:
  ${snapshots.slow}: [sh, -c, 'touch ${of.snapshotBegan}; exec sleep 60']
  ${snapshots.failing}: [sh, -c, 'echo "the array says no" >&2; exit 1']
`;
}

/** `up` on this host's file; its own server unless another one is named. */
export async function startUp(
  config: string,
  stateDir: string,
  server: ServerFlags | undefined,
): Promise<{ up: ChildProcess; address: string }> {
  const env = { ...process.env };
  // The drills kill the server: it must be our own unless another one is asked for.
  if (!server) delete env.TEMPORAL_ADDRESS;
  const up = fork(upEntry, ['--config', config, '--state', stateDir, ...serverArgs(server ?? {})], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env,
    detached: true,
  });
  let said = '';
  up.stderr!.setEncoding('utf8').on('data', (piece: string) => (said = (said + piece).slice(-4000)));
  const ready = once(up, 'message') as Promise<[{ address: string }]>;
  const ended = once(up, 'exit').then(() => {
    throw new Error(`"stillframe up" ended before it was ready: ${said.trim()}`);
  });
  ended.catch(() => {});
  const [{ address }] = await Promise.race([ready, ended]);
  return { up, address };
}

async function end(up: ChildProcess): Promise<void> {
  if (up.exitCode !== null) return;
  up.kill('SIGTERM');
  await once(up, 'exit');
}

/** A ping that arrives has passed through all of it. What fails on the way is only early. */
async function untilWhole(client: Client, guest: GuestId): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await ask(client, { guest, host: labHost, command: 'ping', backup: backupId(`ping-${tries}`) });
      return;
    } catch (error) {
      if (tries === mostPings) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

const mostPings = 120;

export async function ask(client: Client, input: GuestCommandInput): Promise<GuestCommandResult> {
  return (await startWorkflow(client, guestCommand, input, { summary: `${input.command} of ${input.guest}` })).result();
}
