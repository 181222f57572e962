/** `stillframe worker control` */

import { workflowWorker } from './workflow-worker.ts';

export const workerControl = workflowWorker('control', 'Run all workflows except the guardian');
