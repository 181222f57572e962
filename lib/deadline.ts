/** A wait that ends. */

/** What `work` resolves to, or the error that `late` makes when that takes longer than `ms`. The work itself continues. */
export async function withDeadline<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  const { promise: never, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), ms);
  try {
    return await Promise.race([work, never]);
  } finally {
    clearTimeout(timer);
  }
}
