import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { TestContext } from 'node:test';

import { inspectImage } from './inspect-image.ts';
import { MiB, blank, ensureTools, read, tool, u32be, write } from '../repository/images.ts';
import { temporaryFolder } from '../support/folder.ts';

before(ensureTools);

async function made(context: TestContext, type: string, bytes = 64 * MiB, ...options: string[]): Promise<string> {
  const path = await blank(join(await temporaryFolder(context), 'disk.raw'), bytes);
  await tool(`mkfs.${type}`, '-q', '-F', ...options, path);
  return path;
}

async function onlyRow(path: string): Promise<string> {
  const { result, filesystems } = await inspectImage(path);
  assert.equal(filesystems.length, 1);
  const [row] = filesystems;
  assert.equal(result, row!.result);
  return `${row!.where}: ${row!.type} ${row!.result}: ${row!.evidence}`;
}

/** Where debugfs, not our own code, finds the journal. */
async function journalByte(path: string): Promise<number> {
  const block = Number((await tool('debugfs', '-R', 'bmap <8> 0', path)).trim());
  const stats = await tool('debugfs', '-R', 'stats -h', path);
  return block * Number(/Block size:\s+(\d+)/.exec(stats)![1]);
}

const debugfs = (path: string, request: string) => tool('debugfs', '-w', '-R', request, path);

for (const [type, blockSize] of [
  ['ext4', '1024'],
  ['ext4', '4096'],
  ['ext3', '4096'],
] as const) {
  test(`a new ${type} with blocks of ${blockSize} is clean, and dirty once its journal has a start or an error`, async (context) => {
    const path = await made(context, type, 64 * MiB, '-b', blockSize);
    assert.equal(await onlyRow(path), `whole disk: ${type} clean: RECOVER clear, s_start 0`);
    const journal = await journalByte(path);
    await write(path, journal + 0x1c, u32be(7));
    assert.equal(await onlyRow(path), `whole disk: ${type} dirty: RECOVER clear, s_start 7`);
    await write(path, journal + 0x1c, Buffer.concat([u32be(0), u32be(0xfffffffb)]));
    assert.equal(await onlyRow(path), `whole disk: ${type} dirty: RECOVER clear, s_start 0, s_errno -5`);
  });
}

test('a journal of 1 GiB, whose extents do not fit into its inode, is found', async (context) => {
  const path = await made(context, 'ext4', 200 * 1024 * MiB);
  assert.equal((await read(path, 0x50c + 6, 2)).readUInt16LE(), 1, 'the depth of its extent tree');
  assert.equal(await onlyRow(path), 'whole disk: ext4 clean: RECOVER clear, s_start 0');
  await write(path, (await journalByte(path)) + 0x1c, u32be(1));
  assert.equal(await onlyRow(path), 'whole disk: ext4 dirty: RECOVER clear, s_start 1');
});

test('a filesystem with needs_recovery is dirty, whatever its state', async (context) => {
  const path = await made(context, 'ext4');
  await debugfs(path, 'feature needs_recovery');
  assert.equal(await onlyRow(path), 'whole disk: ext4 dirty: RECOVER set');
});

test('recorded errors make a filesystem dirty, and orphans are only named', async (context) => {
  const path = await made(context, 'ext4');
  await debugfs(path, 'ssv last_orphan 12');
  assert.equal(await onlyRow(path), 'whole disk: ext4 clean: RECOVER clear, s_start 0, orphans present');
  await debugfs(path, 'ssv state 3');
  assert.equal(await onlyRow(path), 'whole disk: ext4 dirty: s_state records errors, orphans present');
});

test('without a journal only the state decides', async (context) => {
  const path = await made(context, 'ext2');
  assert.equal(await onlyRow(path), 'whole disk: ext2 clean: no journal, s_state clean');
  await debugfs(path, 'ssv state 0');
  assert.equal(await onlyRow(path), 'whole disk: ext2 dirty: no journal, s_state not clean');
});

test('an external journal, and a journal device alone, are not inspected', async (context) => {
  const path = await made(context, 'ext4');
  await debugfs(path, 'ssv jnl_backup_type 0');
  assert.match(await onlyRow(path), /ext4 not-inspected: RECOVER clear, but the journal is not in this filesystem/);
  const device = await made(context, 'ext4', 64 * MiB, '-O', 'journal_dev');
  assert.match(await onlyRow(device), /not-inspected: a journal device of another filesystem/);
});

test('a missing journal, a loop in its tree and a cut image are dirty, with the reason', async (context) => {
  const path = await made(context, 'ext4');
  await write(path, await journalByte(path), u32be(0));
  assert.match(await onlyRow(path), /ext4 dirty: cannot be read: no journal superblock in block \d+/);
  await write(path, 0x50c + 6, Buffer.from([9, 0]));
  assert.match(await onlyRow(path), /ext4 dirty: cannot be read: extent tree of depth 9/);
  await truncate(path, 32 * MiB);
  assert.match(await onlyRow(path), /ext4 dirty: its \d+ blocks of \d+ bytes do not fit/);
});
