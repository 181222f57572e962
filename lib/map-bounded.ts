/** Work on many things, a bounded number at once. */

/** What `each` resolves to for every item, in the order of the items; at most `most` calls are out at any moment. */
export async function mapBounded<T, U>(items: readonly T[], most: number, each: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  const left = items.entries();
  const work = async () => {
    // All of them take from one iterator, so every item is taken once.
    for (const [index, item] of left) results[index] = await each(item);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, work));
  return results;
}
