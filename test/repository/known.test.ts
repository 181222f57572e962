/** A host knows which repository it had under a name. */

import assert from 'node:assert/strict';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openKnownRepositories } from '../../repository/known.ts';
import { createRepository } from '../../repository/points.ts';
import { temporaryFolder } from '../support/folder.ts';

test('a repository that is not there is never made, nor one of the empty directory in its place', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'backups');
  const { id } = await createRepository(path);
  const known = openKnownRepositories(join(folder, 'state'));
  assert.equal((await known.open('main', path)).id, id);
  await rename(path, join(folder, 'unmounted'));
  await assert.rejects(known.open('main', path), {
    code: 'repository-missing',
    message: /mount the disk .* repository init --path/,
  });
  await mkdir(path);
  await assert.rejects(known.open('main', path), { code: 'repository-missing' });
  assert.deepEqual(await readdir(path), []);
});

test('another repository in its place is refused with both ids, until the host is to accept it', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'backups');
  const first = await createRepository(path);
  await openKnownRepositories(join(folder, 'state')).open('main', path);
  await rename(path, join(folder, 'first'));
  const second = await createRepository(path);
  const known = openKnownRepositories(join(folder, 'state'));
  await assert.rejects(known.open('main', path), (error: { code: string; message: string }) => {
    assert.equal(error.code, 'repository-changed');
    assert.ok(error.message.includes(first.id) && error.message.includes(second.id));
    return true;
  });
  assert.equal((await known.open('other', path)).id, second.id, 'another name has a memory of its own');
  await known.forget('main');
  assert.equal((await known.open('main', path)).id, second.id);
});
