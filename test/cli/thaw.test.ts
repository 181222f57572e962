/** `stillframe thaw --local` as an operator sees it, on a host whose journal cannot be read. */

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { it } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';
import { copiesOf } from '../host/journal/copies.ts';

it('a debt that cannot be read is not called none: it is named, with what to do, and the status is not that of success', async (t) => {
  const state = await temporaryFolder(t);
  const paths = copiesOf(state, 'db1');
  for (const path of paths) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '{}');
  }
  const shown = await runCli(['thaw', '--local', '--state', state]);
  assert.equal(shown.status, 5);
  assert.match(shown.stdout, /db1 +journal damaged/);
  assert.match(shown.stderr, new RegExp(`run "stillframe guest thaw db1", then remove ${paths.join(' and ')}`));
  assert.doesNotMatch(shown.stdout + shown.stderr, /owes no guest|run it again/);
  const told = await runCli(['thaw', '--local', '--state', state, '--json']);
  assert.equal(told.status, 5);
  assert.deepEqual(JSON.parse(told.stdout), [{ guest: 'db1', guestName: 'db1', epoch: null, outcome: null, damaged: paths }]);
});
