/**
 * The warden: parent of the host worker, there to thaw when the worker cannot. It knows the journal and the channels, and
 * nothing else: no SDK, no configuration, no server. The worker ends with it, however it ends.
 */

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hostBootId, monotonicMs } from '../../lib/clock.ts';
import { makeDirectory } from '../../lib/durable.ts';
import type { Intent } from '../../host/journal/intent.ts';
import { mayHavePoints } from '../../host/drivers/qemu/records.ts';
import { openJournal, type DamagedIntent } from '../../host/journal/journal.ts';
import { logLine } from '../../lib/log.ts';
import { forkedToEndWithParent } from '../../lib/run.ts';
import { messageOf } from '../../model/errors.ts';
import type { GuestId } from '../../model/ids.ts';
import type { PursuedObligation } from '../../model/window/window.ts';
import { createLiveness, type Liveness } from './liveness.ts';
import { createObligations } from './pursue-obligations.ts';
import { serveThaw } from './thaw-socket.ts';

/** To the worker: a question whether it is alive, and the operator's demand to thaw everything. */
export type WardenMessage = { kind: 'ping' } | { kind: 'thaw' };
/** From the worker. */
export type WorkerMessage = { kind: 'pong' } | { kind: 'ready' };

/** How often the journal is looked at: a listing of one directory, well under a millisecond. */
const watchMs = 500;
/**
 * How long past its deadline an open window is left to a worker that does not answer: its own lease timer comes first. With the second
 * that it may owe an answer, and a look, a worker that is stopped at the deadline is ended 1.5 s after it at the latest.
 */
const graceMs = 500;
/** How long scratch may stand unwatched: what a guest writes in this time must fit the margin, and a copy that is cut off begins anew. */
const unwatchedMs = 5_000;
/** Obligations without a living owner are looked for this often, besides at every end of a worker. */
const sweepMs = 60_000;
/** How long an operator, or the end of the warden, waits for guests that are still owed a thaw. */
const settleMs = 5_000;
/** The pursuit itself goes on in between. */
const payAgainMs = 1_000;
/** How long a worker may owe an answer when an operator demands the thaw, before it is killed. */
const thawMs = 2_000;
/** How long a worker may take to end its windows and activities; a guest that does not answer must not keep it for ever. */
const shutdownMs = 45_000;
/** First and longest pause before a worker that ended is started again. */
const restartMs = { first: 200, longest: 10_000 };
/** Status by which the worker says that starting it again would end the same way: its configuration is wrong. */
export const exitConfiguration = 2;

/** Runs until SIGTERM or SIGINT; resolves with the exit status. `args` go to the worker as they are. */
export async function runWarden({ stateDir, args }: { stateDir: string; args: string[] }): Promise<number> {
  const log = logLine('warden');
  await makeDirectory(stateDir);
  const journal = openJournal({ stateDir });
  const obligations = createObligations(journal, log);
  const boot = hostBootId();
  const ended = Promise.withResolvers<number>();
  let worker: ChildProcess | undefined;
  let workerStartedMs = 0;
  let liveness: Liveness | undefined;
  let ending = false;
  let pauseMs = restartMs.first;
  /** Each look finds them again: one line for each is enough. */
  let lastProblem: string | undefined;
  let reportedDamaged: ReadonlySet<GuestId> = new Set();

  /** Process ids come back, after a reboot even soon: only an intent of this worker's own lifetime is the worker's. */
  const hasLostOwner = ({ pid, hostBoot, startedMs }: Intent) =>
    pid !== worker?.pid || hostBoot !== boot || startedMs < workerStartedMs;

  function start(): void {
    workerStartedMs = monotonicMs();
    // Beside a new warden, a worker that is stopped or spins would keep the channel of a frozen guest for ever.
    worker = fork(workerEntry, args, { stdio: 'inherit', ...forkedToEndWithParent });
    liveness = worker.pid === undefined ? undefined : createLiveness(worker.pid);
    worker.on('message', (message: WorkerMessage) => {
      liveness?.answered();
      if (message.kind !== 'ready') return;
      pauseMs = restartMs.first;
      process.send?.(message);
    });
    worker.once('exit', (code, signal) => void afterExit(code, signal));
  }

  async function afterExit(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    worker = undefined;
    liveness = undefined;
    // Beside the next worker, which opens no window on a guest that is owed a thaw: the other guests must not wait for this one.
    const pursuit = pursueLost();
    const end = (status: number) => pursuit.finally(() => ended.resolve(status));
    if (ending) return void (await end(code ?? 0));
    if (code === exitConfiguration) {
      await payBeforeTheEnd();
      return ended.resolve(code);
    }
    log('error', `the host worker ended with ${signal ?? `status ${code}`}; starting it again in ${pauseMs} ms`);
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 2, restartMs.longest);
    if (ending) await end(0);
    else start();
  }

  /** No worker will be started, and nobody else on this host would thaw: only a demand to end is a reason to leave what is owed. */
  async function payBeforeTheEnd(): Promise<void> {
    for (let isReported = false; !ending; isReported = true) {
      await pursueLost();
      const { intents } = await journal.openIntents();
      if (intents.length === 0) return;
      if (!isReported)
        log('error', 'the host worker cannot serve, and guests are owed a thaw: the warden stays until they are thawed');
      await delay(payAgainMs);
    }
  }

  const pursueLost = () =>
    obligations
      .pursue(hasLostOwner, 'warden', settleMs)
      .catch((error: unknown) =>
        log('error', `guests that are owed a thaw cannot be looked up, trying again within a minute: ${messageOf(error)}`),
      );

  /** A worker that does not answer past a deadline is stopped or spins: only its death frees the channel. One that is busy gets longer. */
  async function watch(): Promise<void> {
    const isScratchInUse = mayHavePoints(stateDir);
    if (!journal.mayHaveIntents() && !isScratchInUse) return;
    const { intents, damaged } = await journal.openIntents();
    reportDamaged(damaged);
    const deadlines = intents.filter((intent) => !hasLostOwner(intent)).map((intent) => intent.startedMs + intent.leaseMs);
    if (!worker?.connected || !liveness || (deadlines.length === 0 && !isScratchInUse)) return;
    const overdueMs = monotonicMs() - Math.min(...deadlines);
    // Asked all through a window, it has owed its answer for a while when the deadline comes.
    const dead = liveness.isDead();
    send({ kind: 'ping' });
    if (overdueMs > graceMs && dead) {
      log('error', 'the host worker does not answer past the deadline of a window: ending it, then thawing', {
        overdueMs: Math.round(overdueMs),
      });
      worker.kill('SIGKILL');
    } else if (isScratchInUse && dead && liveness.silentMs() > unwatchedMs) {
      log('error', 'the host worker does not answer, and nobody watches the scratch of a point in time: ending the worker');
      worker.kill('SIGKILL');
    }
  }

  function reportProblem(error: unknown): void {
    const problem = messageOf(error);
    if (problem !== lastProblem) log('error', `the journal cannot be looked at: ${problem}`);
    lastProblem = problem;
  }

  function reportDamaged(damaged: readonly DamagedIntent[]): void {
    for (const { guest, paths } of damaged) {
      if (reportedDamaged.has(guest)) continue;
      const files = paths.join(' and ');
      log(
        'error',
        `guest ${guest} may be owed a thaw, and ${files} cannot be read: run "stillframe guest thaw ${guest}", then remove what cannot be read`,
      );
    }
    reportedDamaged = new Set(damaged.map(({ guest }) => guest));
  }

  async function thawNow(): Promise<PursuedObligation[]> {
    const owed = (await journal.openIntents()).intents;
    send({ kind: 'thaw' });
    send({ kind: 'ping' });
    const untilMs = monotonicMs() + thawMs + settleMs;
    while ((await workerOwes()) && monotonicMs() < untilMs) {
      // A worker that answers pursues its guests itself, as far as they can be thawed: its end would only cost the others.
      if (worker && liveness && liveness.silentMs() > thawMs) {
        worker.kill('SIGKILL');
        await once(worker, 'exit');
      } else await delay(100);
    }
    const pursued = await obligations.pursue(hasLostOwner, 'operator', settleMs);
    const outcomes = owed.map(async (intent): Promise<PursuedObligation> => {
      const { guest, guestName, epoch } = intent;
      const own = pursued.find((each) => each.guest === guest && each.epoch === epoch);
      return { guest, guestName, epoch, outcome: own?.outcome ?? (await journal.outcome(intent)) };
    });
    return [...(await Promise.all(outcomes)), ...pursued.filter(({ damaged }) => damaged)];
  }

  const workerOwes = async () => (await journal.openIntents()).intents.some((intent) => !hasLostOwner(intent));

  function send(message: WardenMessage): void {
    if (message.kind === 'ping') liveness?.asked();
    worker?.send(message, () => {
      /* A worker that is just ending does not receive it; its exit is handled. */
    });
  }

  const server = await serveThaw(stateDir, thawNow);
  // A journal that cannot be read ends the start here: no window may be opened beside thaws that are owed and not known.
  await journal.openIntents();
  void pursueLost();
  start();
  const timers = [setInterval(() => void watch().catch(reportProblem), watchMs), setInterval(() => void pursueLost(), sweepMs)];
  const end = () => {
    ending = true;
    worker?.kill('SIGTERM');
    setTimeout(() => worker?.kill('SIGKILL'), shutdownMs).unref();
  };
  process.on('SIGTERM', end).on('SIGINT', end);
  if (process.channel) process.once('disconnect', end);

  const status = await ended.promise;
  timers.forEach(clearInterval);
  obligations.stop();
  server.close();
  return status;
}

const workerEntry = fileURLToPath(new URL('../host.ts', import.meta.url));
