/** The guardian worker: looks after held windows. A process and a bundle of its own, so that nothing else can break it. */

import { createGuardianActivities } from '../activities/guardian.ts';
import { findHostsWith } from '../client/hosts.ts';
import { guardianQueue } from '../model/ids.ts';
import { serveWorkflows } from './temporal/workflow-worker.ts';

await serveWorkflows({
  name: 'guardian',
  taskQueue: guardianQueue,
  entry: 'thaw-guardian.ts',
  activities: ({ client, log }) => createGuardianActivities({ log, findHostsWith: (guest) => findHostsWith({ client }, guest) }),
});
