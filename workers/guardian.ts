/** The guardian worker: looks after held windows. A process and a bundle of its own, so that nothing else can break it. */

import { parseArgs } from 'node:util';
import { createGuardianActivities } from '../activities/guardian.ts';
import { guardianQueue } from '../model/ids.ts';
import { workflowBundle } from './bundle.ts';
import { logLine } from './log-line.ts';
import { connectPatiently, defaultAddress, endSignal, installRuntime, pollers, runWorkers, tellReady } from './temporal.ts';

const { values } = parseArgs({
  options: { address: { type: 'string', default: process.env.TEMPORAL_ADDRESS ?? defaultAddress } },
});
const log = logLine('guardian');
const ending = endSignal();
installRuntime(log);
const [bundle, connection] = await Promise.all([
  workflowBundle('thaw-guardian.ts'),
  connectPatiently(values.address, log, ending),
]);
await runWorkers(
  [
    {
      connection,
      taskQueue: guardianQueue,
      workflowBundle: bundle,
      activities: createGuardianActivities({ log }),
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
