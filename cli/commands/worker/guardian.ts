/** `stillframe worker guardian` */

import { workflowWorker } from './workflow-worker.ts';

export const workerGuardian = workflowWorker('guardian', 'Watch over held windows, apart from everything else');
