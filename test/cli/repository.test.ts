/** Repositories by the command line: made once, for their owner alone; forgotten by a host by name. */

import assert from 'node:assert/strict';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openKnownRepositories } from '../../repository/known.ts';
import { openRepository } from '../../repository/points.ts';
import { temporaryFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';

test('repository init makes a repository for its owner alone, and refuses to make it again', async (t) => {
  const path = join(await temporaryFolder(t), 'backups');
  await mkdir(path);
  await chmod(path, 0o755);
  const made = await runCli(['repository', 'init', '--path', path]);
  assert.equal(made.status, 0, made.stderr);
  const { id } = await openRepository(path);
  assert.equal(made.stdout, `${path} is a repository now, with id ${id}\n`);
  for (const name of ['.', 'points', 'tmp']) assert.equal((await stat(join(path, name))).mode & 0o777, 0o700);
  assert.equal((await stat(join(path, 'stillframe-repository.json'))).mode & 0o777, 0o600);
  const again = await runCli(['repository', 'init', '--path', path]);
  assert.equal(again.status, 2);
  assert.match(again.stderr, /is a repository already/);
});

test('repository init refuses a directory that holds something else, and leaves it as it was', async (t) => {
  const path = await temporaryFolder(t);
  await writeFile(join(path, 'letter.txt'), '');
  await chmod(path, 0o755);
  const { status, stderr } = await runCli(['repository', 'init', '--path', path]);
  assert.equal(status, 2);
  assert.match(stderr, /not empty \(letter.txt\)/);
  assert.equal((await stat(path)).mode & 0o777, 0o755);
});

test('repository forget lets a host accept another repository under the name', async (t) => {
  const folder = await temporaryFolder(t);
  const [path, state] = [join(folder, 'backups'), join(folder, 'state')];
  await runCli(['repository', 'init', '--path', path]);
  await openKnownRepositories(state).open('main', path);
  const other = join(folder, 'other');
  await runCli(['repository', 'init', '--path', other]);
  await assert.rejects(openKnownRepositories(state).open('main', other), { code: 'repository-changed' });
  const { status, stdout } = await runCli(['repository', 'forget', 'main', '--state', state]);
  assert.equal(status, 0);
  assert.match(stdout, /takes the repository that it finds under the name main/);
  await openKnownRepositories(state).open('main', other);
});
