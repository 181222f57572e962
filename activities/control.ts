/** What a workflow cannot do itself and no host is needed for: arming a guardian, atomically with its start. */

import { WithStartWorkflowOperation, type Client } from '@temporalio/client';
import { serve } from './activities.ts';
import type { GuardianArm } from '../model/window/watches.ts';
import type { WorkflowOf } from '../model/workflows/contract.ts';
import { thawGuardian } from '../model/workflows/thaw-guardian.ts';

export function createControlActivities({ client }: { client: Client }) {
  return serve({
    /** Returns only when the guardian exists and has taken the watch; repeated calls arm once (the update's id). */
    async armGuardian(arm: GuardianArm): Promise<void> {
      const startWorkflowOperation = new WithStartWorkflowOperation<WorkflowOf<typeof thawGuardian>>(thawGuardian.type, {
        workflowId: thawGuardian.id(arm),
        taskQueue: thawGuardian.queue,
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [],
        staticSummary: `guardian of ${arm.guest}`,
      });
      await client.workflow.executeUpdateWithStart(thawGuardian.updates.arm.name, {
        args: [arm],
        updateId: `${arm.backup}/${arm.attempt}`,
        startWorkflowOperation,
      });
    },
  });
}
