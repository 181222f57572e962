/** The store in a directory: the contract of all stores, and what a file system can hold besides objects. */

import assert from 'node:assert/strict';
import { chmod, link, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../../lib/run.ts';
import { isStillframeError } from '../../../model/errors.ts';
import { openDirectoryStore } from '../../../repository/store/directory.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { withoutUmask } from '../../support/umask.ts';
import { storeContract } from './contract.ts';

storeContract('directory', async (t) => openDirectoryStore(join(await temporaryFolder(t), 'repository')));

test('nothing unfinished stays beside objects, and nobody else may read them, whatever the umask', async (t) => {
  withoutUmask(t);
  const place = join(await temporaryFolder(t), 'repository');
  const store = openDirectoryStore(place);
  await store.put('chunks/a/1', Buffer.from('x'));
  await store.now();
  assert.deepEqual(await readdir(join(place, 'tmp')), []);
  for (const [name, mode] of Object.entries({ '': 0o700, chunks: 0o700, 'chunks/a': 0o700, 'chunks/a/1': 0o600 }))
    assert.equal((await stat(join(place, name))).mode & 0o777, mode, name);
});

for (const [what, plant] of Object.entries({
  'a FIFO': (path: string) => run(['mkfifo', path]),
  'a symbolic link': (path: string) => symlink('/etc/hostname', path),
  'a directory': (path: string) => mkdir(path),
  'a device': (path: string) => symlink('/dev/zero', path),
}))
  test(`${what} in the place of an object is no object: reading it ends at once`, async (t) => {
    const place = join(await temporaryFolder(t), 'repository');
    const store = openDirectoryStore(place);
    await store.put('chunks/a/1', Buffer.from('x'));
    await plant(join(place, 'chunks/a/2'));
    await assert.rejects(store.read('chunks/a/2', 100), /is (not a plain file|a symbolic link)/);
    const listed: string[] = [];
    for await (const { name } of store.list('')) listed.push(name);
    assert.deepEqual(listed, ['chunks/a/1']);
  });

test('a directory that others may write is read and not written', async (t) => {
  const place = join(await temporaryFolder(t), 'repository');
  const store = openDirectoryStore(place);
  await store.put('points/p', Buffer.from('x'));
  await chmod(place, 0o777);
  assert.equal(String(await store.read('points/p', 10)), 'x');
  await assert.rejects(store.put('points/q', Buffer.from('x')), (error) => isStillframeError(error, 'repository-unwritable'));
  await assert.rejects(store.remove('points/p'), (error) => isStillframeError(error, 'repository-unwritable'));
});

test('a file in the place of the directory is named, with what to do', async (t) => {
  const place = join(await temporaryFolder(t), 'repository');
  await writeFile(place, '');
  await assert.rejects(openDirectoryStore(place).put('points/p', Buffer.from('x')), (error) =>
    isStillframeError(error, 'repository-unwritable'),
  );
});

test('a hard link in the place of an object is read as what it is, and never written through', async (t) => {
  const folder = await temporaryFolder(t);
  const store = openDirectoryStore(join(folder, 'repository'));
  await store.put('points/p', Buffer.from('x'));
  await writeFile(join(folder, 'other'), 'other');
  await link(join(folder, 'other'), join(folder, 'repository/points/q'));
  assert.equal(await store.put('points/q', Buffer.from('mine')), false);
  assert.equal(String(await store.read('points/q', 10)), 'other');
});
