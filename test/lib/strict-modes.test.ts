/** Files that other users could change are refused by name, with the command that helps. */

import assert from 'node:assert/strict';
import { chmod, chown, lchown, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { demandOwn, takeDirectory, WritableByOthersError } from '../../lib/strict-modes.ts';
import { temporaryFolder } from '../support/folder.ts';
import { withoutUmask } from '../support/umask.ts';

const refused = (path: string, fix: RegExp) => (error: unknown) => {
  assert.ok(error instanceof WritableByOthersError, String(error));
  assert.equal(error.path, path);
  assert.match(error.message, fix);
  return true;
};

test('a file of this user in a directory of this user is accepted, also below a sticky directory', async (t) => {
  const folder = await temporaryFolder(t);
  const shared = join(folder, 'shared');
  await mkdir(shared);
  await chmod(shared, 0o1777);
  const file = join(shared, 'file');
  await writeFile(file, '');
  await chmod(file, 0o644);
  await demandOwn(file);
});

test('a file, or a directory on the way to it, that others can write is refused by its own name', async (t) => {
  const folder = await temporaryFolder(t);
  const directory = join(folder, 'directory');
  const file = join(directory, 'file');
  await mkdir(directory);
  await writeFile(file, '');
  for (const mode of [0o664, 0o646]) {
    await chmod(file, mode);
    await assert.rejects(demandOwn(file), refused(file, /can be written by other users: run "chmod go-w .*\/file"/));
  }
  await chmod(file, 0o600);
  await chmod(directory, 0o775);
  await assert.rejects(demandOwn(file), refused(directory, /run "chmod go-w .*\/directory"/));
});

test('a link is judged by the file that it leads to', async (t) => {
  const folder = await temporaryFolder(t);
  const [file, link] = [join(folder, 'file'), join(folder, 'link')];
  await writeFile(file, '');
  await symlink(file, link);
  await demandOwn(link);
  await chmod(file, 0o666);
  await assert.rejects(demandOwn(link), refused(file, /chmod go-w/));
});

test('a link that another user could turn elsewhere is refused, though it leads to a good file now', async (t) => {
  const folder = await temporaryFolder(t);
  const [file, open] = [join(folder, 'file'), join(folder, 'open')];
  await writeFile(file, '');
  await mkdir(open);
  await symlink(file, join(open, 'link'));
  await symlink(join(open, 'link'), join(folder, 'first'));
  await demandOwn(join(folder, 'first'));
  await chmod(open, 0o777);
  await assert.rejects(demandOwn(join(open, 'link')), refused(open, /chmod go-w/));
  await assert.rejects(demandOwn(join(folder, 'first')), refused(open, /chmod go-w/));
  await chmod(open, 0o1777);
  await demandOwn(join(folder, 'first'));
  if (process.getuid!() !== 0) return;
  // The owner of a link in a sticky directory may replace it.
  await lchown(join(open, 'link'), 65_534, 65_534);
  await assert.rejects(demandOwn(join(folder, 'first')), refused(join(open, 'link'), /belongs to user 65534/));
});

test('the way is followed as the kernel follows it, ".." behind a link included', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'a', 'b'), { recursive: true });
  await symlink('a/b', join(folder, 'link'));
  await writeFile(join(folder, 'a', 'file'), '');
  await demandOwn(`${folder}/link/../file`);
  await symlink('loop', join(folder, 'loop'));
  await assert.rejects(demandOwn(join(folder, 'loop')), /symbolic links/);
});

test('a file of another user is refused; one of root is accepted', async (t) => {
  await demandOwn('/etc/passwd');
  // Only root can give a file away; any other user sees the refusal of a file that others can write.
  const folder = await temporaryFolder(t);
  const file = join(folder, 'file');
  await writeFile(file, '');
  if (process.getuid!() === 0) await chown(file, 65_534, 65_534);
  else await chmod(file, 0o602);
  await assert.rejects(demandOwn(file), (error) => error instanceof WritableByOthersError && error.path === file);
});

test('a directory that is taken cannot be listed or written by others afterwards, and one that is made is closed to them', async (t) => {
  withoutUmask(t);
  const folder = await temporaryFolder(t);
  const [made, found] = [join(folder, 'made'), join(folder, 'found')];
  await mkdir(found);
  await chmod(found, 0o755);
  const modes = [];
  for (const each of [made, found]) {
    await takeDirectory(each);
    modes.push(((await stat(each)).mode & 0o777).toString(8));
  }
  assert.deepEqual(modes, ['700', '711']);
});
