/** Runs the workers of a process on its server, and ends them in order. */

import { Worker, type WorkerOptions } from '@temporalio/worker';
import { longestLeaseMs } from '../../model/window/lease.ts';
import type { Server } from './server.ts';

/** Above the longest lease, so that the end of a worker never cancels a window: the window ends first. */
const shutdownGraceMs = longestLeaseMs + 5_000;

/** A long poll that does not come back must not keep a process that has to end. */
const shutdownForceMs = shutdownGraceMs + 5_000;

/** Runs workers until `signal`, then lets running activities end within the grace time. */
export async function runWorkers(
  server: Server,
  options: WorkerOptions[],
  signal: AbortSignal,
  onReady: () => void,
): Promise<void> {
  const common = { ...server.options(), shutdownGraceTime: shutdownGraceMs, shutdownForceTime: shutdownForceMs };
  const workers = await Promise.all(options.map((each) => Worker.create({ ...common, ...each })));
  server.serve(workers);
  const runs = workers.map((worker) => worker.run());
  onReady();
  const stop = () => workers.forEach((worker) => worker.getState() === 'RUNNING' && worker.shutdown());
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  await Promise.all(runs);
}
