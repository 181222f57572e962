/** Our window beside a bare socket script on the same guest, and what `up` costs. */

import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask, hostId, repositoryName, startSite, type Site } from '../../demo/site.ts';
import { openAgentChannel } from '../../host/channel/agent-channel.ts';
import { createQemuDriver } from '../../host/drivers/qemu/driver.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { createWindows } from '../../host/window/windows.ts';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { freePort } from '../../infra/temporal/free-port.ts';
import { controlQueue, newBackupId, workflowIds } from '../../model/ids.ts';
import type { BackupInput, BackupResult } from '../../model/messages.ts';
import { bareWindow } from './bare-window.ts';
import { cpuSeconds, residentMb } from './processes.ts';

export interface WindowReport {
  ours: Quantiles;
  bare: Quantiles;
  /** Of the medians of held time. */
  ratio: number;
  rounds: number;
  up: {
    /** Start of `up` → every process is ready. */
    seconds: number;
    rssMb: Record<string, number>;
    hostRssMb: number;
    /** Processor time of warden and host worker over that of a bare SDK worker with the same queues, both idle. */
    idleCpuRatio: number;
  };
  /** The first backup after `up`: held time of its window. */
  firstWindowHeldMs: number;
  /** Start of a backup's workflow → its window is in the journal, right before the freeze is sent. */
  hopToFreezeMs: { first: number; median: number };
  /** A guest command: start of its workflow → result, with the ping itself taken off. */
  guestCommandMs: number;
}

export interface Quantiles {
  medianMs: number;
  p95Ms: number;
}

export interface BenchOptions {
  rounds: number;
  signal: AbortSignal;
  say: (line: string) => void;
}

export async function benchWindow(options: BenchOptions): Promise<WindowReport> {
  const directory = await mkdtemp(join(tmpdir(), 'sf-'));
  try {
    const windows = await compareWindows(directory, options);
    const site = await measureSite(directory, options);
    return { ...windows, ...site };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function compareWindows(directory: string, { rounds, signal, say }: BenchOptions) {
  const guest = await startGuest({ directory, name: 'bench' });
  try {
    const one = inProcess(guest, directory);
    const held = { ours: [] as number[], bare: [] as number[] };
    const bare = () => bareWindow(guest, join(directory, 'bare'));
    // One of each that does not count: code is loaded and caches are warm for both alike.
    await one();
    await bare();
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      for (const who of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
        await Promise.all(guest.disks.map((disk) => guest.console.nextWrite(disk.name)));
        held[who].push(await (who === 'ours' ? one() : bare()));
      }
    }
    const ours = quantiles(held.ours);
    const bareHeld = quantiles(held.bare);
    const ratio = round2(ours.medianMs / bareHeld.medianMs);
    say(
      `held, ${rounds} rounds each: ours median ${ours.medianMs} ms, p95 ${ours.p95Ms} ms; bare script median ${bareHeld.medianMs} ms, p95 ${bareHeld.p95Ms} ms; ratio of medians ${ratio}`,
    );
    return { ours, bare: bareHeld, ratio, rounds };
  } finally {
    await guest.stop();
  }
}

/** A window as the host worker runs it, journal and all, without the server that asks for it. */
function inProcess(guest: LabGuest, directory: string): () => Promise<number> {
  const config = {
    host: hostId,
    guests: [
      { kind: 'listed' as const, name: guest.name, id: undefined, channel: guest.channel, monitor: guest.monitor, carries: [] },
    ],
    limits: { leaseMs: 10_000, leaseCapMs: 10_000, gapMs: 0, perHour: 0 },
    scratch: { path: join(directory, 'scratch'), limitBytes: undefined, marginBytes: 2 ** 20 },
    repositories: {},
    snapshots: {},
  };
  const log = () => {};
  const stateDir = join(directory, 'bench-state');
  const driver = createQemuDriver({ config, stateDir, log });
  const windows = createWindows({
    driver,
    journal: openJournal(join(stateDir, 'journal')),
    config,
    connect: (path) => openAgentChannel({ path }),
    log,
  });
  return async () => {
    const outcome = await windows.freezeWindow({ guest: guest.uuid, backup: newId(), attempt: 1 });
    await driver.pointInTime.end(guest.uuid, outcome.backup);
    if (outcome.failure || outcome.reasons.length > 0) throw new Error(`a window was not clean: ${JSON.stringify(outcome)}`);
    return outcome.times.heldMs!;
  };
}

/** Enough that one slow start of a process does not decide. */
const backups = 5;
/** After start-up has settled; long enough for hundredths of a second to add up. */
const settleMs = 5_000;
const idleMs = 20_000;

async function measureSite(directory: string, { signal, say }: BenchOptions) {
  const site = await startSite(directory, { port: await freePort() });
  try {
    const { rssMb, idleCpuRatio } = await measureIdle(site, signal);
    const first = await oneBackup(site);
    const hops = [];
    for (let run = 0; run < backups; run++) hops.push((await oneBackup(site)).hopMs);
    const commands = [];
    for (let run = 0; run < 10; run++) commands.push(await oneCommand(site));
    signal.throwIfAborted();
    const report = {
      up: { seconds: round2(site.upMs / 1000), rssMb, hostRssMb: rssMb.host! + rssMb.warden!, idleCpuRatio },
      firstWindowHeldMs: round2(first.heldMs),
      hopToFreezeMs: { first: Math.round(first.hopMs), median: Math.round(quantiles(hops).medianMs) },
      guestCommandMs: round2(quantiles(commands).medianMs),
    };
    say(
      `up: ready after ${report.up.seconds} s; resident MB: ${Object.entries(rssMb)
        .map(([name, mb]) => `${name} ${mb}`)
        .join(', ')}; a host's own two together ${report.up.hostRssMb}`,
    );
    say(`idle processor time of warden and host worker: ${idleCpuRatio} of a bare SDK worker with the same queues`);
    say(
      `first window after up held ${report.firstWindowHeldMs} ms; backup started → freeze: first ${report.hopToFreezeMs.first} ms, then median ${report.hopToFreezeMs.median} ms; guest command without its ping ${report.guestCommandMs} ms`,
    );
    return report;
  } finally {
    await site.stop();
  }
}

async function measureIdle(site: Site, signal: AbortSignal): Promise<{ rssMb: Record<string, number>; idleCpuRatio: number }> {
  await delay(settleMs, undefined, { signal });
  const { pids } = await site.processes();
  const host = await site.hostWorker();
  const rssMb: Record<string, number> = {};
  for (const [name, pid] of Object.entries({ ...pids, host, warden: pids.host! })) rssMb[name] = await residentMb(pid);
  return { rssMb, idleCpuRatio: await compareIdle(site, [pids.host!, host], signal) };
}

async function oneBackup(site: Site): Promise<{ heldMs: number; hopMs: number }> {
  const { guest } = site;
  const input: BackupInput = {
    backup: newId(),
    guest: guest.uuid,
    guestName: guest.name,
    host: hostId,
    repository: repositoryName,
    want: 'filesystem',
  };
  const startedAt = Date.now();
  const result = await site.client.workflow.execute<(input: BackupInput) => Promise<BackupResult>>('backupGuest', {
    workflowId: workflowIds.backup(guest.uuid),
    taskQueue: controlQueue,
    args: [input],
  });
  return { heldMs: result.window.times.heldMs!, hopMs: Date.parse(result.window.openedAt) - startedAt };
}

async function oneCommand(site: Site): Promise<number> {
  const startedMs = performance.now();
  const result = await ask(site.client, { guest: site.guest.uuid, host: hostId, command: 'ping', backup: newId() });
  return performance.now() - startedMs - (result.command === 'ping' ? result.roundTripMs : 0);
}

async function compareIdle(site: Site, pids: number[], signal: AbortSignal): Promise<number> {
  const { address } = await site.processes();
  const bare = fork(fileURLToPath(new URL('./bare-worker.ts', import.meta.url)), [address], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  try {
    await once(bare, 'message');
    await delay(settleMs, undefined, { signal });
    const sum = async () => (await Promise.all(pids.map(cpuSeconds))).reduce((total, each) => total + each, 0);
    const [oursBefore, bareBefore] = [await sum(), await cpuSeconds(bare.pid!)];
    await delay(idleMs, undefined, { signal });
    const [ours, peer] = [(await sum()) - oursBefore, (await cpuSeconds(bare.pid!)) - bareBefore];
    return round2(ours / peer);
  } finally {
    bare.kill('SIGKILL');
  }
}

function newId(): string {
  return newBackupId(Date.now(), randomBytes(4).toString('hex'));
}

function quantiles(values: number[]): Quantiles {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { medianMs: round2(at(0.5)), p95Ms: round2(at(0.95)) };
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
