/** Our server read and written by other people's clients. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ensurePackages } from '../../infra/lab/packages.ts';
import { run } from '../../lib/run.ts';
import { serveNbd } from '../../nbd/server.ts';
import { temporaryFolder } from '../support/folder.ts';
import { contentOf, memoryArea, pattern, type Image } from './servers.ts';

const kib = 2 ** 10;
const mib = 2 ** 20;
const image: Image = {
  bytes: 5 * mib + 700,
  data: [
    { offset: 100, bytes: pattern(200 * kib) },
    { offset: 4 * mib, bytes: pattern(mib + 700, 2) },
  ],
};

async function serve(t: TestContext, writable = false) {
  await ensurePackages();
  const folder = await temporaryFolder(t);
  const path = join(folder, 'nbd.sock');
  const content = contentOf(image);
  const server = await serveNbd({ at: { path }, name: 'disk', area: memoryArea(content, writable) });
  t.after(() => server.close());
  return { folder, content, uri: `nbd+unix:///disk?socket=${path}` };
}

test('qemu-img copies an export whole, by qcow2 too, and finds it identical', async (t) => {
  const { folder, content, uri } = await serve(t);
  const raw = join(folder, 'copy.raw');
  await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, raw]);
  const copied = await readFile(raw);
  assert.ok(copied.subarray(0, content.length).equals(content));
  assert.ok(copied.length - content.length < 512);
  const qcow2 = join(folder, 'copy.qcow2');
  await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', uri, qcow2]);
  assert.match(await run(['qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', uri, qcow2]), /identical/);
});

test('qemu-img map shows the holes of an export', async (t) => {
  const { content, uri } = await serve(t);
  const map = JSON.parse(await run(['qemu-img', 'map', '--output=json', '-f', 'raw', uri])) as Record<string, number | boolean>[];
  const data = map.filter(({ zero }) => zero === false).map(({ start, length }) => [start, length]);
  assert.deepEqual(data, [
    [0, 204 * kib],
    [4 * mib, mib + 700],
  ]);
  assert.ok(content.length > 0);
});

test('qemu-io writes, zeroes, discards and flushes, and reads what it wrote', async (t) => {
  const { content, uri } = await serve(t, true);
  const steps = [
    `write -P 7 ${mib} 100k`,
    'write -f -P 9 513 1000',
    'write -z 64k 4k',
    'discard 1M 4k',
    'flush',
    'read -P 9 513 1000',
  ];
  const said = await run(['qemu-io', '-f', 'raw', uri, ...steps.flatMap((each) => ['-c', each])]);
  assert.doesNotMatch(said, /fail/i);
  assert.ok(content.subarray(mib + 4096, mib + 100 * kib).every((each) => each === 7));
  assert.ok(content.subarray(513, 1513).every((each) => each === 9));
  assert.ok(content.subarray(64 * kib, 68 * kib).every((each) => each === 0));
});
