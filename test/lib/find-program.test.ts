/** Finding a program without running it. */

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findProgram } from '../../lib/find-program.ts';
import { temporaryFolder } from '../support/folder.ts';

async function onPath(t: TestContext, ...names: string[]): Promise<string[]> {
  const folder = await temporaryFolder(t);
  const folders = names.map((name) => join(folder, name));
  for (const each of folders) await mkdir(each);
  const before = process.env.PATH;
  t.after(() => (process.env.PATH = before));
  process.env.PATH = folders.join(':');
  return folders;
}

test('the first place on PATH that has the program wins; a directory and a file without the right to run are skipped', async (t) => {
  const [one, two, three] = (await onPath(t, 'one', 'two', 'three')) as [string, string, string];
  await mkdir(join(one, 'tool'));
  await writeFile(join(two, 'tool'), '', { mode: 0o644 });
  await writeFile(join(three, 'tool'), '', { mode: 0o755 });
  assert.equal(await findProgram('tool'), join(three, 'tool'));
});

test('other places are looked at after PATH, and a program that is nowhere is undefined', async (t) => {
  const [one, other] = (await onPath(t, 'one', 'other')) as [string, string];
  process.env.PATH = one;
  await writeFile(join(other, 'tool'), '', { mode: 0o755 });
  assert.equal(await findProgram('tool'), undefined);
  assert.equal(await findProgram('tool', [other]), join(other, 'tool'));
  await writeFile(join(one, 'tool'), '', { mode: 0o755 });
  assert.equal(await findProgram('tool', [other]), join(one, 'tool'));
});

test('a name with a slash is a path itself', async (t) => {
  const [one] = (await onPath(t, 'one')) as [string];
  await writeFile(join(one, 'tool'), '', { mode: 0o755 });
  assert.equal(await findProgram(join(one, 'tool')), join(one, 'tool'));
  assert.equal(await findProgram('./no-such-tool'), undefined);
});
