/** The control worker: all workflows but the guardian, and the activities that need no host. */

import { Client } from '@temporalio/client';
import { parseArgs } from 'node:util';
import { createControlActivities } from '../activities/control.ts';
import { controlQueue } from '../model/ids.ts';
import { workflowBundle } from './bundle.ts';
import { logLine } from './log-line.ts';
import {
  connectPatiently,
  defaultAddress,
  endSignal,
  installRuntime,
  namespace,
  pollers,
  runWorkers,
  tellReady,
} from './temporal.ts';

const { values } = parseArgs({
  options: { address: { type: 'string', default: process.env.TEMPORAL_ADDRESS ?? defaultAddress } },
});
const log = logLine('control');
const ending = endSignal();
installRuntime(log);
const [workflowBundleOption, connection] = await Promise.all([
  workflowBundle('index.ts'),
  connectPatiently(values.address, log, ending),
]);
await runWorkers(
  [
    {
      connection,
      taskQueue: controlQueue,
      workflowBundle: workflowBundleOption,
      activities: createControlActivities({ client: new Client({ connection, namespace }) }),
      workflowTaskPollerBehavior: { ...pollers, minimum: 2, initial: 2 },
      activityTaskPollerBehavior: pollers,
    },
  ],
  ending,
  tellReady,
);
await connection.close();
// Timers of the SDK may still be waiting; nothing of ours is.
process.exit();
