/** The page of faults: each row has tests that exist, or says that it has none. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Of every row, the fault and the cell of its tests. */
async function rows(): Promise<{ fault: string; tests: string }[]> {
  const text = await readFile(join(root, 'docs/170-faults.md'), 'utf8');
  const lines = text.split('\n').filter((line) => line.startsWith('|') && !/^\| (-+|fault|layer) /.test(line));
  return lines.map((line) => {
    const cells = line.split('|').slice(1, -1);
    return { fault: cells[0]!.trim(), tests: cells.at(-1)!.trim() };
  });
}

test('every row of the page of faults names tests that exist, or says "missing"', async () => {
  const all = await rows();
  assert.ok(all.length > 60, `${all.length} rows`);
  const wrong = all.filter(({ tests }) => {
    if (tests === 'missing') return false;
    const named = tests.split(', ').map((name) => /^`([a-z/-]+)`$/.exec(name)?.[1]);
    return named.some((name) => name === undefined || !existsSync(join(root, 'test', `${name}.test.ts`)));
  });
  assert.deepEqual(wrong, []);
});
