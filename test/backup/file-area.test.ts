import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileArea } from '../../backup/file-area.ts';
import { openPlain } from '../../lib/plain-file.ts';
import { blank, write } from '../repository/images.ts';
import { temporaryFolder } from '../support/folder.ts';

test('an area over a file reads any part of it, into a buffer of its own or into one that is given', async (context) => {
  const path = await blank(join(await temporaryFolder(context), 'disk.raw'), 4096);
  await write(path, 1000, 'here');
  await using file = await openPlain(path);
  const area = await fileArea(file);
  assert.equal(area.length, 4096);
  assert.equal((await area.read(1000, 4)).toString(), 'here');
  const into = Buffer.alloc(16, '.');
  await area.read(1002, 2, into);
  assert.equal(into.toString(), `re${'.'.repeat(14)}`);
});

test('a file that is cut while it is read fails with the place, and gives no bytes that are not in it', async (context) => {
  const path = await blank(join(await temporaryFolder(context), 'disk.raw'), 4096);
  await using file = await openPlain(path);
  const area = await fileArea(file);
  await truncate(path, 1000);
  await assert.rejects(area.read(512, 1024), { message: 'the image ends at 1000 while it is read' });
});
