/** The walk through a backup leads newcomers to files that exist. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('every file that the walk through a backup names exists', async () => {
  const text = await readFile(join(root, 'docs/130-walk-through-a-backup.md'), 'utf8');
  const named = [...text.matchAll(/`([a-z]+\/[\w./-]+)`/g)]
    .map(([, path]) => path!)
    .filter((path) => !path.startsWith('backup/<'));
  assert.ok(named.length > 30, `${named.length} files`);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(root, path))),
    [],
  );
});
