/** Directories for tests. Their names are short: the path of a socket has at most 107 bytes (unix(7)). */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Removed when the test ends. */
export async function temporaryFolder(context: Pick<TestContext, 'after'>): Promise<string> {
  const folder = await makeFolder();
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** For hooks and stages, which outlive a test: the caller removes it. */
export function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'sf-'));
}
