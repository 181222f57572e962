/** What text of a client and files of other users can do to an agent. */

import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandError } from '../../../agent/core/command-error.ts';
import { findHooks } from '../../../agent/core/freeze/hooks.ts';
import { createNodePlatform } from '../../../agent/platform/node/platform.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { createStage } from './commands/stage.ts';

test('a path with line breaks and escapes stands in one audit line, escaped', async (t) => {
  const { audits, refusal } = createStage(t);
  await refusal('guest-file-open', { path: '/nowhere\ninfo: guest-shutdown called\u001b[2J\u009b' });
  assert.deepEqual(audits, [
    'info: guest-file-open called, filepath: /nowhere\\x0ainfo: guest-shutdown called\\x1b[2J\\x9b, mode: r',
  ]);
});

test('a hook that other users can write is refused by name, alone and in a directory', async (t) => {
  const platform = createNodePlatform([], {});
  const directory = join(await temporaryFolder(t), 'hooks');
  await mkdir(directory, { mode: 0o755 });
  const hook = join(directory, 'database');
  await writeFile(hook, '#!/bin/sh\n');
  await chmod(hook, 0o755);
  assert.deepEqual(findHooks(platform, directory), [{ name: 'database', path: hook }]);
  await chmod(hook, 0o775);
  for (const place of [directory, hook]) {
    assert.throws(
      () => findHooks(platform, place),
      (error) =>
        error instanceof CommandError && error.message.includes(hook) && error.message.includes('can be written by other users'),
    );
  }
  await chmod(hook, 0o755);
  await chmod(directory, 0o777);
  assert.throws(() => findHooks(platform, directory), /chmod go-w .*hooks"/);
});

test('a link that another user left under the name of the temporary file is not followed', async (t) => {
  const { files } = createNodePlatform([], {});
  const directory = await temporaryFolder(t);
  const target = join(directory, 'target');
  await writeFile(target, 'untouched');
  await symlink(target, join(directory, `record.${process.pid}.tmp`));
  files.replaceText(join(directory, 'record'), 'new', 0o600);
  assert.equal(await readFile(target, 'utf8'), 'untouched');
  assert.equal(await readFile(join(directory, 'record'), 'utf8'), 'new');
});
