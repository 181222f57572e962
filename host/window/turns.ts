/** One user at a time for each key, in the order of asking. */

import { withDeadline } from '../../lib/deadline.ts';

export interface Turns {
  /** Waits for its turn; call the result once to give it on. */
  take(key: string): Promise<() => void>;
  /** The same for at most `waitMs`; null when the turn has not come by then. */
  take(key: string, waitMs: number): Promise<(() => void) | null>;
  /** Whether `take` would not wait. */
  isFree(key: string): boolean;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();

  async function take(key: string): Promise<() => void>;
  async function take(key: string, waitMs: number): Promise<(() => void) | null>;
  async function take(key: string, waitMs = Infinity): Promise<(() => void) | null> {
    const before = last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    last.set(key, promise);
    const end = () => {
      if (last.get(key) === promise) last.delete(key);
      resolve();
    };
    if (before === undefined || waitMs === Infinity) {
      await before;
      return end;
    }
    const isInTime = await withDeadline(before, waitMs, () => new Error('late')).then(
      () => true,
      () => false,
    );
    if (isInTime) return end;
    // Those behind it wait for the one before it.
    void before.then(end);
    return null;
  }

  return { take, isFree: (key) => !last.has(key) };
}
