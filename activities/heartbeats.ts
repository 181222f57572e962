/** Heartbeats by a timer: they show that the worker is alive while the activity waits. */

import { heartbeat } from '@temporalio/activity';

/** Well below every heartbeat time-out; the SDK sends on what is due and keeps the rest. */
const everyMs = 1_000;

/** Runs `body` with one heartbeat at its start and then one each second; `details` is called for each. */
export async function withHeartbeat<T>(details: () => unknown, body: () => Promise<T>): Promise<T> {
  heartbeat(details());
  const timer = setInterval(() => heartbeat(details()), everyMs);
  try {
    return await body();
  } finally {
    clearInterval(timer);
  }
}
