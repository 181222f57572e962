/** One user at a time for each key, in the order of asking. */

export interface Turns {
  /** Waits for its turn; call the result once to give it on. */
  take(key: string): Promise<() => void>;
  /** Whether `take` would not wait. */
  isFree(key: string): boolean;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();
  return {
    isFree: (key) => !last.has(key),
    async take(key) {
      const before = last.get(key);
      const { promise, resolve } = Promise.withResolvers<void>();
      last.set(key, promise);
      await before;
      return () => {
        if (last.get(key) === promise) last.delete(key);
        resolve();
      };
    },
  };
}
