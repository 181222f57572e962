/** Every activity: the queue that it runs on, its time-outs and its retries, with their reasons. Milliseconds. */

import { longestLeaseMs } from '../window/lease.ts';

/**
 * A cancelled activity is waited for: with the SDK's own default a workflow would continue to the thaw while the freeze is still
 * on its way. The typedoc of @temporalio/common 1.24 names this value as the default, but `encodeActivityCancellationType(undefined)`
 * is undefined, so the server gets 0, which is TRY_CANCEL (checked).
 */
const waits = 'WAIT_CANCELLATION_COMPLETED' as const;

/** Heartbeats come each second, so a worker that is lost shows after this. */
const lostMs = 5_000;

/** A freeze that nobody has picked up by then must never run: its workflow has given up by the time it would. */
export const freezeStartMs = 8_000;

/** Room, scratch images, nodes and a fresh sync, on a host that is busy. */
const prepareMs = 60_000;

/** Thaws are tried until one is confirmed; sub-second retries happen inside the activity. */
const forEver = { initialInterval: 1_000, backoffCoefficient: 1.5, maximumInterval: 10_000 };

/** Ends windows and reports about them, on a queue that nothing else can fill: never given up, not bounded in all. */
const urgent = {
  queue: 'urgent',
  startToCloseTimeout: longestLeaseMs + 20_000,
  heartbeatTimeout: lostMs,
  retry: forEver,
  cancellationType: waits,
} as const;

/** A question to a guest: nobody waits for an answer longer than this. On a queue of its own, so that no thaw waits behind guests that are silent. */
const question = {
  queue: 'questions',
  scheduleToStartTimeout: freezeStartMs,
  startToCloseTimeout: 20_000,
  retry: { maximumAttempts: 1 },
  cancellationType: waits,
} as const;

/** Calls to the server and to a log. */
const call = {
  startToCloseTimeout: 10_000,
  retry: { initialInterval: 200, maximumAttempts: 5 },
  cancellationType: waits,
} as const;

/** `urgent`, `questions`, `ops` and `copy` are the host's queues; `control` and `guardian` have a worker each. */
export const activities = {
  /** Ends within its lease by itself; tried once, because the workflow must ask for the outcome before any new attempt. */
  freezeWindow: {
    queue: 'ops',
    scheduleToStartTimeout: freezeStartMs,
    startToCloseTimeout: longestLeaseMs + prepareMs + 10_000,
    heartbeatTimeout: lostMs,
    retry: { maximumAttempts: 1 },
    cancellationType: waits,
  },
  /** One agent command under the lease. */
  freeze: {
    queue: 'ops',
    scheduleToStartTimeout: freezeStartMs,
    startToCloseTimeout: longestLeaseMs + 20_000,
    heartbeatTimeout: lostMs,
    retry: { maximumAttempts: 1 },
    cancellationType: waits,
  },
  /** Runs inside the window, so the lease bounds it. */
  snapshot: {
    queue: 'ops',
    scheduleToStartTimeout: longestLeaseMs,
    startToCloseTimeout: longestLeaseMs + 10_000,
    heartbeatTimeout: lostMs,
    retry: { maximumAttempts: 1 },
    cancellationType: waits,
  },
  thaw: urgent,
  ensureThawed: urgent,
  windowOutcome: urgent,
  release: urgent,
  guestPing: question,
  guestInfo: question,
  guestStatus: question,
  /** On a host that did not freeze the guest: it has it now, or it has not. */
  thawStray: { ...question, queue: 'urgent' },
  /** Takes as long as its disks; the attempt after a lost worker adopts the point in time. Every end of a worker costs one. */
  copy: {
    queue: 'copy',
    startToCloseTimeout: 7 * 24 * 3_600_000,
    heartbeatTimeout: lostMs,
    retry: { initialInterval: 1_000, backoffCoefficient: 1.5, maximumAttempts: 5 },
    cancellationType: waits,
  },
  commitPoint: {
    queue: 'copy',
    startToCloseTimeout: 600_000,
    heartbeatTimeout: lostMs,
    retry: { initialInterval: 1_000, maximumAttempts: 5 },
    cancellationType: waits,
  },
  armGuardian: { queue: 'control', ...call },
  page: { queue: 'guardian', ...call },
  hostsWith: { queue: 'guardian', ...call },
} as const;

export type ActivityName = keyof typeof activities;
export type ActivityQueue = (typeof activities)[ActivityName]['queue'];

/** `ensureThawed` as the guardian calls it: bounded tries distinguish "no worker polls" from "the guest does not answer", and it pages between them. */
export const guardianThaw = {
  scheduleToStartTimeout: 20_000,
  startToCloseTimeout: longestLeaseMs + 20_000,
  heartbeatTimeout: lostMs,
  retry: { ...forEver, maximumAttempts: 5 },
  cancellationType: waits,
} as const;

/** Of `all`, the activities that run on `queue`: what a worker of that queue serves. */
export function servedOn(queue: ActivityQueue, all: Partial<Record<ActivityName, unknown>>): object {
  return Object.fromEntries(Object.entries(all).filter(([name]) => activities[name as ActivityName].queue === queue));
}
