/** Files that are whole or not there, who may read them, and the questions about what is there. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import {
  exists,
  makeDirectory,
  namesIn,
  readJson,
  removeDurably,
  removeUnfinished,
  writeDurably,
  writeJson,
} from '../../lib/durable.ts';
import { run, runToEnd } from '../../lib/run.ts';
import { temporaryFolder } from '../support/folder.ts';
import { withoutUmask } from '../support/umask.ts';

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test('a written file holds its text, and nothing else is left beside it', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  await writeDurably(path, 'one');
  await writeDurably(path, 'two');
  assert.equal(await readFile(path, 'utf8'), 'two');
  assert.deepEqual(await readdir(folder), ['file']);
});

test('a written file is for its user alone, whatever the umask', async (t) => {
  withoutUmask(t);
  const folder = await temporaryFolder(t);
  await writeDurably(join(folder, 'text'), 'x');
  await writeJson(join(folder, 'json'), { a: 1 });
  assert.deepEqual([await modeOf(join(folder, 'text')), await modeOf(join(folder, 'json'))], [0o600, 0o600]);
});

test('a write that fails leaves what was there, and no part of the new', async (t) => {
  const folder = await temporaryFolder(t);
  // A file cannot take the name of a directory (rename(2)).
  await mkdir(join(folder, 'taken'));
  await assert.rejects(writeDurably(join(folder, 'taken'), 'x'), { code: 'EISDIR' });
  await assert.rejects(writeDurably(join(folder, 'missing', 'file'), 'x'), { code: 'ENOENT' });
  assert.deepEqual(await readdir(folder), ['taken']);
});

test('a write that runs out of room leaves what was there, and no part of the new', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  await writeDurably(path, 'before');
  const module = new URL('../../lib/durable.ts', import.meta.url).href;
  const script = `process.on('SIGXFSZ', () => {});
    const { writeDurably } = await import(${JSON.stringify(module)});
    await writeDurably(process.argv[1], 'x'.repeat(2 ** 20)).catch(({ code }) => console.log(code));`;
  const node = [process.execPath, '--input-type=module', '--eval', script, path];
  assert.equal(await run(['prlimit', '--fsize=65536', '--', ...node]), 'EFBIG\n');
  assert.equal(await readFile(path, 'utf8'), 'before');
  assert.deepEqual(await readdir(folder), ['file']);
});

test('a writer that is killed at any moment leaves the file whole: the old text or the new', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  const module = new URL('../../lib/durable.ts', import.meta.url).href;
  const script = `const { writeDurably } = await import(${JSON.stringify(module)});
    for (let round = 0; ; round++) {
      await writeDurably(process.argv[1], String(round % 10).repeat(300_000));
      if (round === 0) setImmediate(() => setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(process.argv[2])));
    }`;
  for (const ms of [0, 1, 2, 3, 5, 8, 13]) {
    const { killedBy } = await runToEnd([process.execPath, '--input-type=module', '--eval', script, path, String(ms)]);
    assert.equal(killedBy, 'SIGKILL');
    assert.match(await readFile(path, 'utf8'), /^(\d)\1{299999}$/);
  }
});

test('many writers of one file leave one whole text and nothing beside it', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  const texts = Array.from({ length: 20 }, (_, index) => String(index).padStart(2, '0').repeat(10_000));
  await Promise.all(texts.map((text) => writeDurably(path, text)));
  assert.ok(texts.includes(await readFile(path, 'utf8')));
  assert.deepEqual(await readdir(folder), ['file']);
});

test('JSON is read as it was written; a file that is not there is undefined, and a damaged one an error', async (t) => {
  const folder = await temporaryFolder(t);
  const value = { a: [1, null, 'é'], b: { c: true } };
  await writeJson(join(folder, 'json'), value);
  assert.deepEqual(await readJson(join(folder, 'json')), value);
  assert.equal(await readJson(join(folder, 'none')), undefined);
  await writeFile(join(folder, 'damaged'), '{"a":');
  await assert.rejects(readJson(join(folder, 'damaged')), SyntaxError);
  // Where the path leads through a file nothing can be said of what was written.
  await assert.rejects(readJson(join(folder, 'json', 'below')), { code: 'ENOTDIR' });
});

test('a removed file is gone, and removing it again is fine', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  await removeDurably(join(folder, 'file'));
  await removeDurably(join(folder, 'file'));
  assert.deepEqual(await namesIn(folder), []);
});

test('a directory is made with those above it, for this user alone, and what was there keeps its mode', async (t) => {
  withoutUmask(t);
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o755);
  await makeDirectory(relative('.', join(folder, 'a', 'b', 'c')));
  await makeDirectory(join(folder, 'a', 'b', 'c'));
  for (const made of ['a', 'a/b', 'a/b/c']) assert.equal(await modeOf(join(folder, made)), 0o700);
  assert.equal(await modeOf(folder), 0o755);
});

test('a missing directory has no names and does not exist, and neither does a dangling link or a path through a file', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  await symlink('nowhere', join(folder, 'link'));
  assert.deepEqual(await namesIn(join(folder, 'none')), []);
  await assert.rejects(namesIn(join(folder, 'file')), { code: 'ENOTDIR' });
  const there = ['', 'file', 'none', 'link', 'file/below'].map((name) => exists(join(folder, name)));
  assert.deepEqual(await Promise.all(there), [true, true, false, false, false]);
  await assert.rejects(exists(join(folder, 'x'.repeat(300))), { code: 'ENAMETOOLONG' });
});

test('a directory where the system allows none is an error at once', async () => {
  for (const path of ['/proc/x', '/proc/x/y']) await assert.rejects(makeDirectory(path), { code: 'ENOENT' });
});

test('what a process had begun to write when it was killed is removed; what a living one writes stays', async (t) => {
  const directory = await temporaryFolder(t);
  const child = spawnSync('true');
  await mkdir(join(directory, 'records'));
  const [left, begun, whole] = [`records/a.json.${child.pid}-1.part`, `b.json.${process.pid}-9.part`, 'records/c.json'];
  for (const name of [left, begun, whole]) await writeFile(join(directory, name), '{');
  await removeUnfinished(directory);
  assert.deepEqual((await readdir(directory, { recursive: true })).toSorted(), [begun, 'records', whole].toSorted());
  await removeUnfinished(join(directory, 'nowhere'));
});

test('many who make one directory at once, with those above it, all find it made', async (t) => {
  const folder = await temporaryFolder(t);
  for (let round = 0; round < 50; round++) {
    const path = join(folder, String(round), 'above', 'directory');
    await Promise.all(Array.from({ length: 8 }, () => makeDirectory(path)));
    assert.equal(await exists(path), true);
  }
});
