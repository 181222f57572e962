/** Heartbeats by a timer: they show that the worker is alive while the activity waits. */

import { heartbeat } from '@temporalio/activity';

/** Well below every heartbeat time-out; the SDK sends on what is due and keeps the rest. */
const everyMs = 1_000;

/** Runs `body` with one heartbeat at its start and then one each second, with what `body` last reported. */
export async function withHeartbeat<T>(body: (report: (details: unknown) => void) => Promise<T>): Promise<T> {
  let details: unknown;
  heartbeat(details);
  const timer = setInterval(() => heartbeat(details), everyMs);
  try {
    return await body((next) => (details = next));
  } finally {
    clearInterval(timer);
  }
}
