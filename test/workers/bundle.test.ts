/** Workflow code comes from the cache only as it was put there. */

import assert from 'node:assert/strict';
import { appendFile, chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';

test('a cached bundle that was changed, or that others could have put there, is not run', async (t) => {
  const cache = await temporaryFolder(t);
  // Read once, when the module is loaded.
  process.env['XDG_CACHE_HOME'] = cache;
  const { workflowBundle } = await import('../../workers/temporal/bundle.ts');
  const { code } = await workflowBundle('thaw-guardian.ts');
  assert.match(code, /thawGuardian/);
  const directory = join(cache, 'stillframe', 'bundles');
  const [name] = await readdir(directory);
  await appendFile(join(directory, name!), '\n// changed');
  const again = await workflowBundle('thaw-guardian.ts');
  assert.doesNotMatch(again.code, /\/\/ changed/);
  assert.deepEqual(await readdir(directory), [name], 'the whole one has taken its place');
  await chmod(directory, 0o777);
  assert.equal((await workflowBundle('thaw-guardian.ts')).code, code);
});
