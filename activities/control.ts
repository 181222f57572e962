/** What a workflow cannot do itself and no host is needed for: arming a guardian, atomically with its start. */

import { WithStartWorkflowOperation, type Client } from '@temporalio/client';
import { guardianQueue, workflowIds } from '../model/ids.ts';
import { messages, type GuardianArm } from '../model/workflows/messages.ts';

export function createControlActivities({ client }: { client: Client }) {
  return {
    /** Returns only when the guardian exists and has taken the watch; repeated calls arm once (the update's id). */
    async armGuardian(arm: GuardianArm): Promise<void> {
      const startWorkflowOperation = new WithStartWorkflowOperation('thawGuardian', {
        workflowId: workflowIds.guardian(arm.guest),
        taskQueue: guardianQueue,
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [],
        staticSummary: `guardian of ${arm.guest}`,
      });
      await client.workflow.executeUpdateWithStart(messages.arm, {
        args: [arm],
        updateId: `${arm.backup}/${arm.attempt}`,
        startWorkflowOperation,
      });
    },
  };
}
