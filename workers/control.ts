/** The control worker: all workflows but the guardian, and the activities that need no host. */

import { createControlActivities } from '../activities/control.ts';
import { controlQueue } from '../model/ids.ts';
import { serveWorkflows } from './temporal/workflow-worker.ts';

await serveWorkflows({ name: 'control', taskQueue: controlQueue, entry: 'index.ts', activities: createControlActivities });
