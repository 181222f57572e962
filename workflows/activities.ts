/** The activities as workflows call them: each on its queue, with the time-outs of its row. */

import { proxyActivities } from '@temporalio/workflow';
import type { createCopyActivities } from '../activities/copy.ts';
import type { createGuestActivities } from '../activities/guest.ts';
import type { createWindowActivities } from '../activities/window.ts';
import { hostQueues, type HostId } from '../model/ids.ts';
import { activities, type ActivityName } from '../model/workflows/activities.ts';

export type HostActivities = ReturnType<typeof createWindowActivities> &
  ReturnType<typeof createCopyActivities> &
  ReturnType<typeof createGuestActivities>;

export function hostActivities(host: HostId): HostActivities {
  const queues = hostQueues(host);
  const proxies = Object.entries(activities).flatMap(([name, { queue }]) => {
    if (queue === 'control' || queue === 'guardian') return [];
    const options = { taskQueue: queues[queue], ...optionsOf(name as ActivityName) };
    return [[name, proxyActivities(options)[name]]];
  });
  return Object.fromEntries(proxies) as HostActivities;
}

/** The row of an activity as the SDK takes it. */
export function optionsOf<Name extends ActivityName>(name: Name) {
  const { queue: _, ...options } = activities[name];
  return options;
}
