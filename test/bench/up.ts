/** What `stillframe up` costs: to start, at rest, and on the way from the start of a backup to its freeze. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { labHost, repositoryName, startSite, type Site } from '../../demo/site.ts';
import { backupGuest, type BackupInput } from '../../model/workflows/backup-guest.ts';
import { startWorkflow } from '../../client/workflows.ts';
import { guestCommand, type GuestCommandInput } from '../../model/workflows/guest-command.ts';
import { newBackup } from './backup-id.ts';
import { cpuSeconds, parentOf, residentMb } from './processes.ts';
import { median, round2 } from './quantiles.ts';
import type { BenchOptions } from './options.ts';
import { guestId } from '../../model/ids.ts';

export interface UpReport {
  up: {
    /** Start of `up` → every process is ready. */
    seconds: number;
    /** Resident memory of each process at rest. */
    rssMb: Record<string, number>;
    /** Warden and host worker together. */
    hostRssMb: number;
  };
  /** Processor seconds in a minute of rest; the ratio is of warden and host worker together to the bare SDK worker. */
  idleCpu: { wardenPerMinute: number; hostWorkerPerMinute: number; barePerMinute: number; ratio: number };
  /** The first backup after `up`: how long it held its guest, and start of its workflow → its result, the copy included. */
  firstWindowMs: { held: number; whole: number };
  /** Start of a backup's workflow → its window stands in the journal, which is right before the freeze is sent. */
  hopMs: { first: number; median: number };
  /**
   * One activity's way through the server and back, its own run taken off: scheduled → started, and completed → the next
   * workflow task started; by the server's clock, from the histories of guest commands.
   */
  hopOnServerMs: number;
}

/** Enough that one slow start of a process does not decide. */
const backups = 5;
const commands = 10;
/** Until memory has settled. */
const settleMs = 5_000;
/** Until processor time has: compiling and collecting of start-up go on for half a minute, at several times the cost of rest. */
const restMs = 30_000;
/** 20 and 30 s gave ratios that swung by a factor of two. */
const idleMs = 60_000;

export async function measureUp(directory: string, { signal, say }: BenchOptions): Promise<UpReport> {
  signal.throwIfAborted();
  await using undo = new AsyncDisposableStack();
  const site = await startSite(directory);
  undo.defer(() => site.stop());
  // At once, so that both have rested equally long when they are measured.
  const bare = await startBareWorker((await site.processes()).address);
  undo.defer(() => bare.stop());

  await delay(settleMs, undefined, { signal });
  const pids = await pidsOf(site);
  const rssMb: Record<string, number> = {};
  for (const [name, pid] of Object.entries(pids)) rssMb[name] = await residentMb(pid);
  const up = { seconds: round2(site.upMs / 1000), rssMb, hostRssMb: rssMb.warden! + rssMb['host worker']! };
  const each = Object.entries(rssMb).map(([name, mb]) => `${name} ${mb}`);
  say(`up: ready after ${up.seconds} s`);
  say(`  resident MB         ${each.join(', ')}; of one host (warden, host worker) ${up.hostRssMb}`);

  await delay(restMs, undefined, { signal });
  const idleCpu = await measureIdle({ warden: pids.warden!, hostWorker: pids['host worker']!, bare: bare.pid }, signal);
  await bare.stop();
  const { wardenPerMinute, hostWorkerPerMinute, barePerMinute, ratio } = idleCpu;
  say(
    `  at rest, a minute   warden ${wardenPerMinute} s, host worker ${hostWorkerPerMinute} s, bare SDK worker ${barePerMinute} s of processor time; ratio ${ratio}`,
  );

  const first = await timeBackup(site);
  const later = await repeat(backups, signal, () => timeBackup(site));
  const firstWindowMs = { held: round2(first.heldMs), whole: first.wholeMs };
  const hopMs = { first: first.hopMs, median: median(later.map((backup) => backup.hopMs)) };
  say(`  first backup        held ${firstWindowMs.held} ms, whole ${firstWindowMs.whole} ms`);
  say(`  start to freeze     first ${hopMs.first} ms, then median ${hopMs.median} ms`);

  const hopOnServerMs = median(await repeat(commands, signal, () => timeHop(site)));
  say(`  hop on the server   median ${hopOnServerMs} ms for an activity there and back`);
  return { up, idleCpu, firstWindowMs, hopMs, hopOnServerMs };
}

async function repeat<T>(times: number, signal: AbortSignal, one: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let run = 0; run < times; run++) {
    signal.throwIfAborted();
    all.push(await one());
  }
  return all;
}

/** In the record of `up` the host is the warden. */
async function pidsOf(site: Site): Promise<Record<string, number>> {
  const { host: warden, ...others } = (await site.processes()).pids;
  return { up: await parentOf(warden!), ...others, warden: warden!, 'host worker': await site.hostWorker() };
}

async function startBareWorker(address: string): Promise<{ pid: number; stop(): Promise<void> }> {
  const bare = fork(fileURLToPath(new URL('./bare-worker.ts', import.meta.url)), [address], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // Ctrl-C is for us alone: the server ends after those that use it.
    detached: true,
  });
  const ended = once(bare, 'exit');
  const early = ended.then(() => {
    throw new Error('the bare SDK worker ended before it was ready');
  });
  early.catch(() => {});
  await Promise.race([once(bare, 'message'), early]);
  return {
    pid: bare.pid!,
    async stop() {
      bare.kill('SIGKILL');
      await ended;
    },
  };
}

async function measureIdle(
  pids: Record<'warden' | 'hostWorker' | 'bare', number>,
  signal: AbortSignal,
): Promise<UpReport['idleCpu']> {
  const used = () => Promise.all([pids.warden, pids.hostWorker, pids.bare].map(cpuSeconds));
  const before = await used();
  await delay(idleMs, undefined, { signal });
  const after = await used();
  const [warden, hostWorker, bare] = after.map((seconds, index) => (seconds - before[index]!) * (60_000 / idleMs));
  return {
    wardenPerMinute: round2(warden!),
    hostWorkerPerMinute: round2(hostWorker!),
    barePerMinute: round2(bare!),
    ratio: round2((warden! + hostWorker!) / bare!),
  };
}

async function timeBackup(site: Site): Promise<{ heldMs: number; wholeMs: number; hopMs: number }> {
  const { guest } = site;
  const input: BackupInput = {
    backup: newBackup(),
    guest: guestId(guest.uuid),
    guestName: guest.name,
    host: labHost,
    repository: repositoryName,
    want: 'filesystem',
  };
  // The journal has only the wall clock of an opening; it is this machine's too.
  const startedAt = Date.now();
  const handle = await startWorkflow(site.client, backupGuest, input, { summary: 'bench' });
  const { times, openedAt } = (await handle.result()).window;
  return { heldMs: times.heldMs!, wholeMs: Date.now() - startedAt, hopMs: Date.parse(openedAt) - startedAt };
}

async function timeHop(site: Site): Promise<number> {
  const input: GuestCommandInput = { guest: guestId(site.guest.uuid), host: labHost, command: 'ping', backup: newBackup() };
  const handle = await startWorkflow(site.client, guestCommand, input, { summary: 'bench' });
  await handle.result();
  const events = (await handle.fetchHistory()).events!;
  const from = events.findIndex((event) => event.activityTaskScheduledEventAttributes);
  const at = (kind: keyof (typeof events)[number]) => {
    const { seconds, nanos } = events.slice(from).find((event) => event[kind])!.eventTime!;
    return Number(seconds) * 1000 + nanos! / 1e6;
  };
  const there = at('activityTaskStartedEventAttributes') - at('activityTaskScheduledEventAttributes');
  return there + at('workflowTaskStartedEventAttributes') - at('activityTaskCompletedEventAttributes');
}
