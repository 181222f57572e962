/** The activities of one host, each class on its queue and with its time-outs. */

import { proxyActivities } from '@temporalio/workflow';
import type { createCopyActivities } from '../activities/copy.ts';
import type { createGuestActivities } from '../activities/guest.ts';
import type { createWindowActivities } from '../activities/window.ts';
import { activityProfiles } from '../model/workflows/activities.ts';
import { hostQueues, type HostId } from '../model/ids.ts';

type Window = ReturnType<typeof createWindowActivities>;
type Copy = ReturnType<typeof createCopyActivities>;
type Guest = ReturnType<typeof createGuestActivities>;

export function hostActivities(host: HostId) {
  const queues = hostQueues(host);
  const { freezeWindow } = proxyActivities<Window['ops']>({ taskQueue: queues.ops, ...activityProfiles.freezeWindow });
  const { freeze } = proxyActivities<Window['ops']>({ taskQueue: queues.ops, ...activityProfiles.freeze });
  const { snapshot } = proxyActivities<Window['ops']>({ taskQueue: queues.ops, ...activityProfiles.snapshot });
  const { copy } = proxyActivities<Copy>({ taskQueue: queues.copy, ...activityProfiles.copy });
  const { commitPoint } = proxyActivities<Copy>({ taskQueue: queues.copy, ...activityProfiles.commit });
  const urgent = proxyActivities<Window['urgent'] & Pick<Copy, 'release'>>({
    taskQueue: queues.urgent,
    ...activityProfiles.urgent,
  });
  const questions = proxyActivities<Guest>({ taskQueue: queues.urgent, ...activityProfiles.question });
  return { freezeWindow, freeze, snapshot, copy, commitPoint, urgent, questions };
}
