/** Heartbeats by a timer: they say that the worker lives, whatever the activity waits for. */

import { heartbeat } from '@temporalio/activity';

/** Well below every heartbeat time-out; the SDK sends on what is due and keeps the rest. */
const everyMs = 1_000;

/** Runs `body` with a heartbeat at once and then by the second; `details` is asked for at each. */
export async function withHeartbeat<T>(details: () => unknown, body: () => Promise<T>): Promise<T> {
  heartbeat(details());
  const timer = setInterval(() => heartbeat(details()), everyMs);
  try {
    return await body();
  } finally {
    clearInterval(timer);
  }
}
