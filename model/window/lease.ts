/** The bound of a window, and how often a guest may be asked to bear one. */

import { StillframeError } from '../errors.ts';

/** What a host allows, from its own file: payloads cannot raise it. All in milliseconds but the count. */
export interface WindowLimits {
  /** Lease of a request that names none. */
  leaseMs: number;
  /** The longest lease that a request may name. */
  leaseCapMs: number;
  /** Least time between two windows of one guest; 0 sets none. */
  gapMs: number;
  /** Windows of one guest within any hour; 0 sets no limit. */
  perHour: number;
}

/** Ten seconds hold any healthy freeze many times over and are what VSS writers already expect. */
export const defaultWindowLimits: WindowLimits = { leaseMs: 10_000, leaseCapMs: 30_000, gapMs: 60_000, perHour: 12 };

/** The longest lease that a host's file can set: beyond it databases and cluster heartbeats give up. */
export const longestLeaseMs = 30_000;

/** The highest limit of windows an hour, since each window reads the times of as many before it. 0 sets no limit. */
export const mostPerHour = 64;

/** The lease of a request: its own if it names one within the cap, else the host's. */
export function grantLease(requestedMs: number | undefined, limits: WindowLimits): number {
  if (requestedMs === undefined) return limits.leaseMs;
  if (!Number.isInteger(requestedMs) || requestedMs < 1 || requestedMs > limits.leaseCapMs) {
    throw new StillframeError(
      'lease-too-long',
      `lease ${requestedMs} ms is not between 1 ms and this host's cap of ${limits.leaseCapMs} ms: ask for less, or raise limits.leaseCap in the host's file`,
      { requestedMs, capMs: limits.leaseCapMs },
    );
  }
  return requestedMs;
}
