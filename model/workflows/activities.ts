/** Time-outs and retries of every activity, one row for each class, with their reasons. Milliseconds. */

import { longestLeaseMs } from '../window/lease.ts';

/**
 * A cancelled activity is waited for: with the SDK's own default a workflow would go on to the thaw while the freeze is still
 * on its way.
 */
const waits = 'WAIT_CANCELLATION_COMPLETED' as const;

/** A freeze that nobody has picked up by then must never run: it would come when its workflow has given up. */
export const freezeStartMs = 8_000;

/** Room, scratch images, nodes and a fresh sync, on a host that is busy. */
const prepareMs = 60_000;

/** Thaws are tried for as long as it takes; sub-second steps happen inside the activity. */
const forEver = { initialInterval: 1_000, backoffCoefficient: 1.5, maximumInterval: 10_000 };

export const activityProfiles = {
  /** Ends within its lease by itself; tried once, because the workflow must ask for the outcome before any new attempt. */
  freezeWindow: {
    scheduleToStartTimeout: freezeStartMs,
    startToCloseTimeout: longestLeaseMs + prepareMs + 10_000,
    heartbeatTimeout: 5_000,
    retry: { maximumAttempts: 1 },
    cancellationType: waits,
  },
  /** One agent command under the lease. */
  freeze: {
    scheduleToStartTimeout: freezeStartMs,
    startToCloseTimeout: longestLeaseMs + 20_000,
    retry: { maximumAttempts: 1 },
    cancellationType: waits,
  },
  /** Runs inside the window, so the lease bounds it. */
  snapshot: {
    scheduleToStartTimeout: longestLeaseMs,
    startToCloseTimeout: longestLeaseMs + 10_000,
    heartbeatTimeout: 5_000,
    retry: { maximumAttempts: 1 },
    cancellationType: waits,
  },
  /** Thaw, ensureThawed, windowOutcome, release: on the urgent queue, never given up, not bounded in all. */
  urgent: { startToCloseTimeout: longestLeaseMs + 20_000, retry: forEver, cancellationType: waits },
  /** A question to a guest: nobody waits for an answer longer than this. */
  question: {
    scheduleToStartTimeout: freezeStartMs,
    startToCloseTimeout: 20_000,
    retry: { maximumAttempts: 1 },
    cancellationType: waits,
  },
  /** The guardian tells "nobody polls" from "the guest does not answer" by bounded tries, and pages between them. */
  guardian: {
    scheduleToStartTimeout: 20_000,
    startToCloseTimeout: longestLeaseMs + 20_000,
    retry: { ...forEver, maximumAttempts: 5 },
    cancellationType: waits,
  },
  /** A copy takes as long as its disks; a lost worker shows in its heartbeat, and the next attempt adopts the point in time. */
  copy: {
    startToCloseTimeout: 7 * 24 * 3_600_000,
    heartbeatTimeout: 10_000,
    retry: { initialInterval: 2_000, maximumAttempts: 3 },
    cancellationType: waits,
  },
  commit: { startToCloseTimeout: 600_000, retry: { initialInterval: 1_000, maximumAttempts: 5 }, cancellationType: waits },
  /** Arming a guardian and paging: calls to the server and to a log. */
  control: { startToCloseTimeout: 10_000, retry: { initialInterval: 200, maximumAttempts: 5 }, cancellationType: waits },
} as const;
