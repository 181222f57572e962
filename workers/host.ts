/**
 * The host worker: holds this host's channels and monitors and serves its three queues. Child of the warden.
 * Windows stand before the server is reached and end before the process does.
 */

import type { WorkerOptions } from '@temporalio/worker';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createCopyActivities } from '../activities/copy.ts';
import { createGuestActivities } from '../activities/guest.ts';
import { createWindowActivities } from '../activities/window.ts';
import { connectAgent } from '../host/channel/agent-channel.ts';
import { createQemuDriver } from '../host/drivers/qemu/driver.ts';
import { openJournal } from '../host/journal/journal.ts';
import { createWindows, type Windows } from '../host/window/windows.ts';
import { isStillframeError, messageOf } from '../model/errors.ts';
import { hostQueues, type GuestId } from '../model/ids.ts';
import { servedOn } from '../model/workflows/activities.ts';
import { announceForever } from './host/announce.ts';
import { pollerIdentity } from './host/poller-identity.ts';
import { watchRivals } from './host/rivals.ts';
import { readHostConfigApart } from '../config/apart.ts';
import { createBackups } from '../backup/backups.ts';
import { endUnclaimedPoints } from '../backup/leftovers.ts';
import { openKnownRepositories } from '../repository/known.ts';
import { openSigner } from '../repository/signature.ts';
import { serverOptions } from '../client/settings.ts';
import { defaults } from '../lib/defaults.ts';
import { logLine } from '../lib/log.ts';
import { nameOfThisProcess } from '../lib/process.ts';
import { runWorkers } from './temporal/run-workers.ts';
import { connectWhenReady } from './temporal/server.ts';
import { endSignal, installRuntime, pollers, tellReady, tryForever } from './temporal/temporal.ts';
import { exitConfiguration, type WardenMessage, type WorkerMessage } from './warden/warden.ts';
import { keepFilesPrivate } from '../lib/private-files.ts';

keepFilesPrivate();

/** Thaws must never wait behind other work; windows are bounded by the host's disks; two copies already fill them. */
const slots = { urgent: 16, ops: 8, copy: 2 };

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
  const journal = openJournal(join(values.state, 'journal'));
  const windows = createWindows({ driver, journal, config, connect: connectAgent, log });
  followWarden(windows, async () => (await journal.openIntents()).intents.map((intent) => intent.guest));
  const drained = Promise.withResolvers<void>();
  ending.addEventListener('abort', () => void windows.drain().then(drained.resolve, drained.reject), { once: true });

  const backups = createBackups({
    driver,
    journal,
    config,
    known: openKnownRepositories(values.state),
    leftovers: endUnclaimedPoints({ driver, log }),
    signer: await openSigner(values.state, config.host),
    log,
  });
  installRuntime(log);
  const server = await connectWhenReady(values, log, ending);
  const { client } = server;
  const self = nameOfThisProcess();
  const rivals = watchRivals({ client, host: config.host, self, signal: ending, log });
  const unsaid = `the server does not say yet who serves host ${config.host}`;
  await tryForever(() => rivals.demandNone(), unsaid, log, ending);
  const queues = hostQueues(config.host);
  const served = {
    ...createWindowActivities({ windows, backups }),
    ...createGuestActivities({ windows }),
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
  const announced = Promise.withResolvers<void>();
  const announce = async () => {
    await tryForever(() => rivals.demandNoOlder(), unsaid, log, ending);
    tellReady();
    await announceForever({ client, driver, config, rivals, signal: ending, log });
  };
  const serving = runWorkers(
    server,
    [queue('urgent'), queue('ops'), queue('copy')],
    ending,
    () => void announce().then(announced.resolve, announced.reject),
  );
  await Promise.race([announced.promise, serving]);
  await drained.promise;
  await server.close();
}

function followWarden(windows: Windows, owed: () => Promise<GuestId[]>): void {
  process.on('message', (message: WardenMessage) => {
    if (message.kind === 'ping') process.send?.({ kind: 'pong' } satisfies WorkerMessage);
    else void owed().then((guests) => Promise.allSettled(guests.map((guest) => windows.ensureThawed(guest, 'operator'))));
  });
}
