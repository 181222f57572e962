import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { TestContext } from 'node:test';

import { inspectImage } from './inspect-image.ts';
import { MiB, blank, ensureTools, tool, u32be, write } from '../repository/images.ts';
import { bufferItem, item, logGeometry, superblockTransaction, transactionHeader, writeRecord } from './xfs-records.ts';
import type { LogGeometry, Operation, Place } from './xfs-records.ts';
import { temporaryFolder } from '../support/folder.ts';

before(ensureTools);

async function made(context: TestContext, ...options: string[]): Promise<{ path: string; log: LogGeometry }> {
  const path = await blank(join(await temporaryFolder(context), 'disk.raw'), 512 * MiB);
  await tool('mkfs.xfs', '-q', ...options, path);
  return { path, log: await logGeometry(path) };
}

async function verdict(path: string): Promise<string> {
  const { result, filesystems } = await inspectImage(path);
  assert.equal(filesystems.length, 1);
  assert.equal(filesystems[0]!.type, 'xfs');
  assert.equal(result, filesystems[0]!.result);
  return `${result}: ${filesystems[0]!.evidence}`;
}

/** mkfs leaves one record of two blocks at the front of the log. */
const first: Place = { cycle: 1, block: 2 };

/** Writes records one after the other; all of them lie between tail and head. */
async function writeAll(path: string, log: LogGeometry, from: Place, records: Operation[][]): Promise<void> {
  let at = from;
  for (const operations of records) at = await writeRecord(path, log, at, from, operations);
}

test('a new XFS ends with an unmount record', async (context) => {
  const { path } = await made(context);
  assert.equal(await verdict(path), 'clean: unmount record');
});

test('records of the superblock alone are a covered log, in either byte order of the guest', async (context) => {
  const { path, log } = await made(context);
  await writeAll(path, log, first, [superblockTransaction(), superblockTransaction()]);
  assert.equal(await verdict(path), 'clean: log covered, 2 records');
  await writeAll(path, log, first, [superblockTransaction({ bigEndian: true })]);
  await write(path, log.start + 5 * 512, Buffer.alloc(1024));
  await writeRecord(path, log, { cycle: 2, block: 0 }, { cycle: 2, block: 0 }, superblockTransaction({ bigEndian: true }));
  assert.equal(await verdict(path), 'clean: log covered, 1 record');
});

const used: [string, Operation[], RegExp][] = [
  [
    'an inode',
    [{ flags: 1 }, { body: transactionHeader() }, { body: item(0x123b) }, { flags: 2 }],
    /log dirty, inode in the record at 1:4/,
  ],
  ['another buffer', superblockTransaction({ address: 8n }), /log dirty, buffer 8 /],
  [
    'an unknown item',
    [{ flags: 1 }, { body: transactionHeader() }, { body: item(0x4242) }, { flags: 2 }],
    /log dirty, item 0x4242 /,
  ],
  ['no commit', superblockTransaction().slice(0, -1), /log dirty, an unfinished transaction/],
  [
    'an inode behind a buffer of the superblock',
    [...superblockTransaction().slice(0, -1), { body: item(0x123b) }, { flags: 2 }],
    /log dirty, inode /,
  ],
  [
    'a transaction that goes on in the next record',
    [{ flags: 1 }, { body: transactionHeader() }, { flags: 4, body: bufferItem(0n, 2) }],
    /log dirty, a transaction across records/,
  ],
];
for (const [what, operations, expected] of used) {
  test(`a log that holds ${what} is dirty, anywhere between tail and head`, async (context) => {
    const { path, log } = await made(context);
    await writeAll(path, log, first, [superblockTransaction(), operations]);
    assert.match(await verdict(path), expected);
    await writeAll(path, log, first, [superblockTransaction(), operations, superblockTransaction()]);
    assert.match(await verdict(path), expected);
  });
}

test('data that looks like an item is data', async (context) => {
  const { path, log } = await made(context);
  await writeAll(path, log, first, [superblockTransaction({ data: item(0x123b) })]);
  assert.equal(await verdict(path), 'clean: log covered, 1 record');
});

test('records before the tail do not matter', async (context) => {
  const { path, log } = await made(context);
  const inode: Operation[] = [{ flags: 1 }, { body: transactionHeader() }, { body: item(0x123b) }, { flags: 2 }];
  const tail = await writeRecord(path, log, first, first, inode);
  await writeRecord(path, log, tail, tail, superblockTransaction());
  assert.equal(await verdict(path), 'clean: log covered, 1 record');
});

test('a log that wrapped is read in the order of its records', async (context) => {
  const { path, log } = await made(context);
  const from = { cycle: 1, block: log.blocks - 1 };
  await writeAll(path, log, from, [superblockTransaction(), superblockTransaction(), superblockTransaction()]);
  assert.equal(await verdict(path), 'clean: log covered, 3 records');
  const inode: Operation[] = [{ flags: 1 }, { body: transactionHeader() }, { body: item(0x123b) }, { flags: 2 }];
  await writeAll(path, log, from, [inode, superblockTransaction()]);
  assert.match(await verdict(path), /log dirty, inode in the record at 1:/);
});

test('a record with several header blocks is read to its end', async (context) => {
  const { path, log } = await made(context);
  // 40,000 bytes and what makes the length of the next operation the first, displaced, word of a block.
  const before = 12 + (12 + 16) + (12 + 24) + 12;
  const data = Buffer.alloc(80 * 512 - 4 - before, 0x58);
  const big: Operation[] = [...superblockTransaction({ data }).slice(0, -1), { body: bufferItem(0n, 1) }, { flags: 2 }];
  await writeRecord(path, log, first, first, big, 64 * 1024);
  assert.equal(await verdict(path), 'clean: log covered, 1 record');
  const inode: Operation[] = [...big.slice(0, -2), { body: item(0x123b) }, { flags: 2 }];
  await writeRecord(path, log, first, first, inode, 64 * 1024);
  assert.match(await verdict(path), /log dirty, inode /);
});

test('a tail without a record, and a log without one, are dirty', async (context) => {
  const { path, log } = await made(context);
  await writeRecord(path, log, { cycle: 3, block: 100 }, { cycle: 3, block: 50 }, superblockTransaction());
  assert.equal(await verdict(path), 'dirty: log dirty, no record at 3:50 between tail and head');
  await write(path, log.start, Buffer.alloc(1024));
  await write(path, log.start + 100 * 512, Buffer.alloc(1024));
  assert.equal(await verdict(path), 'dirty: no record in the log');
});

test('an external log is not inspected', async (context) => {
  const folder = await temporaryFolder(context);
  const path = await blank(join(folder, 'disk.raw'), 512 * MiB);
  const log = await blank(join(folder, 'log.raw'), 128 * MiB);
  await tool('mkfs.xfs', '-q', '-l', `logdev=${log},size=64m`, path);
  assert.equal(await verdict(path), 'not-inspected: external log');
});

test('an impossible superblock is dirty, with the reason', async (context) => {
  const { path } = await made(context);
  await write(path, 0x60, u32be(0xffffffff));
  assert.match(await verdict(path), /dirty: cannot be read: a log of \d+ bytes/);
  await write(path, 4, u32be(12345));
  assert.equal(await verdict(path), 'dirty: cannot be read: block size 12345');
});
