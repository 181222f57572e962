/** A guest may have moved to another host while it was frozen, and the host that froze it be silent: the host that has it now thaws it. */

import { condition, log, proxyActivities } from '@temporalio/workflow';
import type { createGuardianActivities } from '../activities/guardian.ts';
import { guardianQueue, type GuestId, type HostId } from '../model/ids.ts';
import { hostActivities, optionsOf } from './activities.ts';

/** Longer than a worker takes to start again, and shorter than anybody would want to wait for a frozen guest. */
const firstLookMs = 10_000;
/** A host can be away for weeks: each look is some events of a history. */
const longestPauseMs = 3_600_000;

const { hostsWith } = proxyActivities<ReturnType<typeof createGuardianActivities>>({
  taskQueue: guardianQueue,
  ...optionsOf('hostsWith'),
});

interface Moved {
  guest: GuestId;
  /** The host that froze it. */
  host: HostId;
}

/** What the host that froze the guest answers; while it does not, the guest is looked for on the others. */
export async function answeredOrMoved<T>(answer: Promise<T>, moved: Moved): Promise<T> {
  let isOver = false;
  const over = () => void (isOver = true);
  answer.then(over, over);
  for (let pauseMs = firstLookMs; !(await condition(() => isOver, pauseMs)); pauseMs = Math.min(2 * pauseMs, longestPauseMs))
    await thawElsewhere(moved);
  return answer;
}

/** Thaws it wherever else it is announced. What fails is tried again by the caller's next round. */
export async function thawElsewhere({ guest, host }: Moved): Promise<void> {
  try {
    for (const other of await hostsWith({ guest, host })) {
      const found = await hostActivities(other).thawStray({ guest });
      log.warn('the guest is announced by another host than the one that froze it', { guest, host, other, found });
    }
  } catch {
    log.warn('whether another host has the guest is not known', { guest, host });
  }
}
