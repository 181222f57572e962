/**
 * The host worker: holds this host's channels and monitors and serves its three queues. Child of the warden.
 * Windows stand before the server is reached and end before the process does.
 */

import { Client } from '@temporalio/client';
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
import { messageOf, StillframeError } from '../model/errors.ts';
import { hostQueues } from '../model/ids.ts';
import { servedOn } from '../model/workflows/activities.ts';
import { announceForever } from './host/announce.ts';
import { readHostConfigApart } from '../config/apart.ts';
import { createBackups } from '../backup/backups.ts';
import { adoptLeftovers } from '../backup/leftovers.ts';
import { defaults } from '../lib/defaults.ts';
import { logLine } from '../lib/log.ts';
import { connectPatiently, endSignal, installRuntime, namespace, pollers, runWorkers, tellReady } from './temporal/temporal.ts';
import { exitConfiguration, type WardenMessage, type WorkerMessage } from './warden/warden.ts';

/** Thaws must never wait behind other work; windows are bounded by the host's disks; two copies already fill them. */
const slots = { urgent: 16, ops: 8, copy: 2 };

/** How often a heartbeat is really sent: a few bytes for each activity that runs. */
const heartbeatMs = 2_000;

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: defaults.config },
    state: { type: 'string', default: defaults.stateDir },
    address: { type: 'string', default: process.env.TEMPORAL_ADDRESS ?? defaults.address },
  },
});
const log = logLine('host');
const ending = endSignal();

try {
  await serve();
} catch (error) {
  if (!ending.aborted) {
    log('error', messageOf(error));
    process.exitCode =
      error instanceof StillframeError && (error.kind === 'invalid' || error.code === 'host-id-taken') ? exitConfiguration : 1;
  }
}
// Timers of the SDK may still be waiting; every window has ended.
process.exit();

async function serve(): Promise<void> {
  const config = await readHostConfigApart(values.config);
  const driver = createQemuDriver({ config, stateDir: values.state, log });
  const journal = openJournal(join(values.state, 'journal'));
  const windows = createWindows({ driver, journal, config, connect: connectAgent, log });
  obeyWarden(windows, async () => (await journal.open()).intents.map((intent) => intent.guest));
  const drained = Promise.withResolvers<void>();
  ending.addEventListener('abort', () => void windows.drain().then(drained.resolve, drained.reject), { once: true });

  const backups = createBackups({ driver, journal, config, leftovers: adoptLeftovers({ driver, log }), log });
  installRuntime(log);
  const connection = await connectPatiently(values.address, log, ending);
  const client = new Client({ connection, namespace });
  const queues = hostQueues(config.host);
  const served = {
    ...createWindowActivities({ windows }),
    ...createGuestActivities({ windows }),
    ...createCopyActivities({ backups }),
  };
  const queue = (name: keyof typeof slots): WorkerOptions => ({
    connection,
    taskQueue: queues[name],
    activities: servedOn(name, served),
    maxConcurrentActivityTaskExecutions: slots[name],
    activityTaskPollerBehavior: pollers,
    // A cancelled copy hears of it with its next heartbeat; at the SDK's own pace that is eight seconds.
    maxHeartbeatThrottleInterval: heartbeatMs,
    identity: `${queues[name]}/${process.pid}`,
  });
  const announced = announceForever({ client, driver, config, signal: ending, log });
  await Promise.race([announced, runWorkers([queue('urgent'), queue('ops'), queue('copy')], ending, tellReady)]);
  await drained.promise;
  await connection.close();
}

function obeyWarden(windows: Windows, owed: () => Promise<string[]>): void {
  process.on('message', (message: WardenMessage) => {
    if (message.kind === 'ping') process.send?.({ kind: 'pong' } satisfies WorkerMessage);
    else void owed().then((guests) => Promise.allSettled(guests.map((guest) => windows.ensureThawed(guest, 'operator'))));
  });
}
