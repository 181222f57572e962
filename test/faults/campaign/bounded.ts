/** Waiting with a bound: what does not happen in time is a finding of the campaign, never a hang. */

import { setTimeout as delay } from 'node:timers/promises';

export class NotInTimeError extends Error {
  override name = 'NotInTimeError';
}

/** @throws NotInTimeError that says what was waited for */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = delay(ms, undefined, { signal: over.signal }).then(() => {
    throw new NotInTimeError(`${what} did not happen within ${ms} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
    late.catch(() => {});
    work.catch(() => {});
  }
}

/** No event reports a file or the state of another process, so this polls. An error of `look` counts as "not yet"; one that does not end is given up. */
export async function eventually<T>(ms: number, what: string, look: () => Promise<T | undefined>): Promise<T> {
  const untilMs = performance.now() + ms;
  let last: unknown;
  for (;;) {
    const leftMs = Math.max(lookMs, untilMs - performance.now());
    const found = await within(leftMs, `a look for ${what}`, look()).catch((error: unknown) => void (last = error));
    if (found !== undefined) return found;
    if (performance.now() > untilMs)
      throw new NotInTimeError(`${what} did not happen within ${ms} ms${last instanceof Error ? ` (${last.message})` : ''}`);
    await delay(lookMs);
  }
}

const lookMs = 50;
