/** A process that runs workflows: the control worker and the guardian differ in queue, bundle and activities only. */

import type { Client } from '@temporalio/client';
import { parseArgs } from 'node:util';
import { resolveServer, serverOptions } from '../../client/settings.ts';
import { logLine, type Log } from '../../lib/log.ts';
import { isStillframeError, messageOf } from '../../model/errors.ts';
import { exitConfiguration } from '../warden/warden.ts';
import { workflowBundle } from './bundle.ts';
import { runWorkers } from './run-workers.ts';
import { connectWhenReady } from './server.ts';
import { endSignal, installRuntime, pollers, tellReady } from './temporal.ts';
import { beginProcess } from '../../lib/begin-process.ts';

/** A workflow worker needs one poller for the sticky queue and one for the other. */
const workflowPollers = { ...pollers, minimum: 2, initial: 2 };

export interface WorkflowWorker {
  name: string;
  taskQueue: string;
  /** File in workflows/ whose exports it runs. */
  entry: string;
  activities: (parts: { client: Client; log: Log }) => object;
}

/** Serves until the process receives SIGTERM or SIGINT, then ends it. */
export async function serveWorkflows({ name, taskQueue, entry, activities }: WorkflowWorker): Promise<never> {
  const { values } = parseArgs({ options: serverOptions });
  beginProcess();
  const log = logLine(name);
  const ending = endSignal();
  installRuntime(log);
  try {
    await serve();
  } catch (error) {
    if (!ending.aborted) {
      log('error', messageOf(error));
      process.exitCode = isStillframeError(error) && error.kind === 'invalid' ? exitConfiguration : 1;
    }
  }
  // Timers of the SDK may still be waiting; none of ours are.
  process.exit();

  async function serve(): Promise<void> {
    const { dataConverter } = await resolveServer(values, process.env);
    const [bundle, server] = await Promise.all([
      workflowBundle(entry, dataConverter.failureConverterPath),
      connectWhenReady(values, log, ending),
    ]);
    await runWorkers(
      server,
      [
        {
          taskQueue,
          workflowBundle: bundle,
          activities: activities({ client: server.client, log }),
          workflowTaskPollerBehavior: workflowPollers,
          activityTaskPollerBehavior: pollers,
        },
      ],
      ending,
      tellReady,
    );
    await server.close();
  }
}
