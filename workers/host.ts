/**
 * The host worker: holds this host's channels and monitors and serves its queues. Child of the warden.
 * Windows stand before the server is reached and end before the process does.
 */

import type { WorkerOptions } from '@temporalio/worker';
import { parseArgs } from 'node:util';
import { createCopyActivities } from '../activities/copy.ts';
import { createGuestActivities } from '../activities/guest.ts';
import { createWindowActivities } from '../activities/window.ts';
import { connectAgent } from '../host/channel/agent-channel.ts';
import { createQemuDriver } from '../host/drivers/qemu/driver.ts';
import { openJournal } from '../host/journal/journal.ts';
import { createSweep, sweepForever } from '../host/window/sweep.ts';
import { createWindows, type Windows } from '../host/window/windows.ts';
import { isStillframeError, messageOf } from '../model/errors.ts';
import { hostQueueNames, hostQueues, type GuestId } from '../model/ids.ts';
import { servedOn } from '../model/workflows/activities.ts';
import { announceForever } from './host/announce.ts';
import { pollerIdentity } from './host/poller-identity.ts';
import { watchRivals } from './host/rivals.ts';
import { runningBackups } from './host/running-backups.ts';
import { readHostConfigApart } from '../config/apart.ts';
import { createBackups } from '../backup/backups.ts';
import { createReaper } from '../backup/reaper.ts';
import { openSessions } from '../backup/sessions.ts';
import { openKnownRepositories, repositoriesOf } from '../repository/known.ts';
import { openSigner } from '../repository/signature.ts';
import { serverOptions } from '../client/settings.ts';
import { defaults } from '../lib/defaults.ts';
import { logLine } from '../lib/log.ts';
import { nameOfThisProcess } from '../lib/process.ts';
import { runWorkers } from './temporal/run-workers.ts';
import { connectWhenReady } from './temporal/server.ts';
import { endSignal, installRuntime, pollers, tellReady, tryForever } from './temporal/temporal.ts';
import { exitConfiguration, type WardenMessage, type WorkerMessage } from './warden/warden.ts';
import { beginProcess } from '../lib/begin-process.ts';
import { removeUnfinished } from '../lib/durable.ts';

beginProcess();

/** Thaws must never wait behind other work; windows are bounded by the host's disks; two copies already fill them. */
const slots = { urgent: 16, questions: 8, ops: 8, copy: 2 };

/** How often a heartbeat is really sent: a few bytes for each activity that runs. */
const heartbeatMs = 2_000;

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: defaults.config },
    state: { type: 'string', default: defaults.stateDir },
    ...serverOptions,
  },
});
const log = logLine('host');
const ending = endSignal();

try {
  await serve();
} catch (error) {
  if (!ending.aborted) {
    log('error', messageOf(error));
    process.exitCode = isFinal(error) ? exitConfiguration : 1;
  }
}
// Timers of the SDK may still be waiting; every window has ended.
process.exit();

/** Another start would end the same way, and while another worker serves this host it must not be tried. */
function isFinal(error: unknown): boolean {
  return (
    isStillframeError(error) && (error.kind === 'invalid' || error.code === 'host-id-taken' || error.code === 'host-id-served')
  );
}

async function serve(): Promise<void> {
  const config = await readHostConfigApart(values.config);
  const driver = createQemuDriver({ config, stateDir: values.state, log });
  const journal = openJournal({ stateDir: values.state });
  const windows = createWindows({ driver, journal, config, connect: connectAgent, log });
  // A guest that writes much waits for nothing: before the server is reached.
  void driver.pointInTime.guard().catch((error: unknown) => log('warn', messageOf(error)));
  followWarden(windows, async () => (await journal.openIntents()).intents.map((intent) => intent.guest));
  /** The process was told to end, or this worker may not serve. */
  const over = new AbortController();
  ending.addEventListener('abort', () => over.abort(), { once: true });
  if (ending.aborted) over.abort();
  const drained = Promise.withResolvers<void>();
  over.signal.addEventListener('abort', () => void windows.drain().then(drained.resolve, drained.reject), { once: true });

  const policy = config.strayFreezes;
  const sweep = createSweep({ driver, journal, windows, connect: connectAgent, policy, stateDir: values.state, log });
  void sweepForever(sweep, { signal: over.signal, log });

  installRuntime(log);
  const server = await connectWhenReady(values, log, ending);
  const { client } = server;
  const self = nameOfThisProcess();
  const rivals = watchRivals({ client, host: config.host, self, signal: ending, log });
  const unsaid = `the server does not say yet who serves host ${config.host}`;
  await tryForever(() => rivals.demandNone(), unsaid, log, ending);
  const repositoryNamed = repositoriesOf(config.repositories, openKnownRepositories(values.state));
  const sessions = openSessions(values.state, repositoryNamed);
  const reaper = createReaper({ driver, sessions, running: runningBackups(client), log });
  // What the worker before this one left is ended before anything is served; what a running backup owns waits for its copy.
  await reaper.sweep();
  await removeUnfinished(values.state);
  void reaper.run(over.signal);
  const signer = await openSigner(values.state, config.host);
  const backups = createBackups({ driver, journal, config, repositoryNamed, sessions, reaper, signer, ending: over.signal, log });
  const queues = hostQueues(config.host);
  const served = {
    ...createWindowActivities({ windows, backups, reaper }),
    ...createGuestActivities({ windows, sweep }),
    ...createCopyActivities({ backups }),
  };
  const queue = (name: keyof typeof slots): WorkerOptions => ({
    taskQueue: queues[name],
    activities: servedOn(name, served),
    maxConcurrentActivityTaskExecutions: slots[name],
    activityTaskPollerBehavior: pollers,
    // A copy learns of its cancellation with its next heartbeat; at the SDK's own pace that is eight seconds.
    maxHeartbeatThrottleInterval: heartbeatMs,
    identity: pollerIdentity(queues[name], self),
  });
  let refusal: unknown;
  const announce = async () => {
    try {
      await tryForever(() => rivals.demandNoOlder(), unsaid, log, over.signal);
      tellReady();
      await announceForever({ client, driver, sweep, config, rivals, signal: over.signal, log });
    } catch (error) {
      if (!over.signal.aborted) refusal = error;
      over.abort();
    }
  };
  await runWorkers(server, hostQueueNames.map(queue), over.signal, () => void announce());
  await drained.promise;
  await server.close();
  if (refusal !== undefined) throw refusal;
}

function followWarden(windows: Windows, owed: () => Promise<GuestId[]>): void {
  process.on('message', (message: WardenMessage) => {
    if (message.kind === 'ping') process.send?.({ kind: 'pong' } satisfies WorkerMessage);
    else void owed().then((guests) => Promise.allSettled(guests.map((guest) => windows.ensureThawed(guest, 'operator'))));
  });
}
