/** The umask under which a process that keeps nothing private by itself would give every file away. */

import type { TestContext } from 'node:test';

/** Until the test ends, only the modes that files are made with keep others out (umask(2)). */
export function withoutUmask(context: Pick<TestContext, 'after'>): void {
  const before = process.umask(0);
  context.after(() => process.umask(before));
}
