import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';

import { fileArea } from '../../backup/file-area.ts';
import { inspectDisk } from '../../inspect/inspect.ts';
import { inspectImage } from './inspect-image.ts';
import { MiB, blank, ensureTools, lay, partition, read, tool, write } from '../repository/images.ts';
import { logGeometry, superblockTransaction, writeRecord } from './xfs-records.ts';
import { openPlain } from '../../lib/plain-file.ts';
import { temporaryFolder } from '../support/folder.ts';

before(ensureTools);

async function rows(path: string): Promise<string[]> {
  const { result, filesystems } = await inspectImage(path);
  return [result, ...filesystems.map(({ where, type, result: each }) => `${where} ${type} ${each}`)];
}

async function ext4(folder: string, name = 'ext4.raw'): Promise<string> {
  const path = await blank(join(folder, name), 16 * MiB);
  await tool('mkfs.ext4', '-q', path);
  return path;
}

/** BIOS boot with boot code, ext4, XFS, swap, and one that is empty. */
async function gptDisk(folder: string): Promise<string> {
  const path = await blank(join(folder, 'gpt.raw'), 600 * MiB);
  const types = { bios: '21686148-6449-6E6F-744E-656564454649', linux: 'L', swap: 'S' };
  const sizes = [
    `1MiB,type=${types.bios}`,
    `16MiB,type=${types.linux}`,
    `400MiB,type=L`,
    `16MiB,type=${types.swap}`,
    '8MiB,type=L',
  ];
  await partition(path, ['label: gpt', ...sizes.map((size) => `size=${size}`), ''].join('\n'));
  await write(path, 1 * MiB, 'GRUB loader');
  await lay(await ext4(folder), path, 2 * MiB);
  const xfs = await blank(join(folder, 'xfs.raw'), 400 * MiB);
  await tool('mkfs.xfs', '-q', xfs);
  await lay(xfs, path, 18 * MiB);
  const swap = await blank(join(folder, 'swap.raw'), 16 * MiB);
  await tool('mkswap', swap);
  await lay(swap, path, 418 * MiB);
  return path;
}

test('on a GPT disk each filesystem has its row, and boot code, swap and empty partitions have none', async (context) => {
  const path = await gptDisk(await temporaryFolder(context));
  assert.deepEqual(await rows(path), ['clean', 'partition 2 ext4 clean', 'partition 3 xfs clean']);
  await write(path, 2 * MiB + 0x460, Buffer.from([0xc6]));
  assert.deepEqual(await rows(path), ['dirty', 'partition 2 ext4 dirty', 'partition 3 xfs clean']);
  await write(path, 434 * MiB, 'who knows');
  assert.ok((await rows(path)).includes('partition 5 unknown not-inspected'));
});

test('a GPT whose checksums are wrong is named, and not used', async (context) => {
  const path = await gptDisk(await temporaryFolder(context));
  await write(path, 1024 + 40, Buffer.from([0x77]));
  const { result, filesystems } = await inspectImage(path);
  assert.equal(result, 'not-inspected');
  assert.deepEqual(filesystems, [
    { where: 'whole disk', type: 'gpt', result: 'not-inspected', evidence: 'checksum of the entries wrong' },
  ]);
  await write(path, 512 + 72, Buffer.from([0x77]));
  assert.equal((await inspectImage(path)).filesystems[0]!.evidence, 'header checksum wrong');
});

async function mbrDisk(folder: string): Promise<string> {
  const path = await blank(join(folder, 'mbr.raw'), 128 * MiB);
  const table = [
    'label: dos',
    'start=1MiB, size=20MiB',
    'start=22MiB, size=80MiB, type=5',
    'start=23MiB, size=20MiB',
    'start=50MiB, size=20MiB',
    '',
  ];
  // sfdisk gives numbers from 5 to what lies inside the extended partition when it is asked to.
  const numbered = ['label: dos', `1 : ${table[1]}`, `2 : ${table[2]}`, `5 : ${table[3]}`, `6 : ${table[4]}`, ''];
  await partition(path, numbered.join('\n'));
  const filesystem = await ext4(folder);
  for (const place of [1, 23, 50]) await lay(filesystem, path, place * MiB);
  return path;
}

test('on an MBR disk primary and logical partitions are numbered as Linux numbers them', async (context) => {
  const path = await mbrDisk(await temporaryFolder(context));
  assert.deepEqual(await rows(path), ['clean', 'partition 1 ext4 clean', 'partition 5 ext4 clean', 'partition 6 ext4 clean']);
  await write(path, 50 * MiB + 0x460, Buffer.from([0xc6]));
  assert.ok((await rows(path)).includes('partition 6 ext4 dirty'));
});

test('a chain of logical partitions that leads back to itself ends, and is named', async (context) => {
  const path = await mbrDisk(await temporaryFolder(context));
  // The first link lies at the start of the extended partition: let its second entry point to itself.
  const link = Buffer.alloc(16);
  link[4] = 5;
  link.writeUInt32LE(0, 8);
  link.writeUInt32LE(2048, 12);
  await write(path, 22 * MiB + 462, link);
  const { result, filesystems } = await inspectImage(path);
  assert.equal(result, 'not-inspected');
  assert.match(filesystems.at(-1)!.evidence, /leads back to itself/);
});

const boot = '\x55\xaa';
const named: [string, string, [number, string][]][] = [
  ['luks', 'LUKS1 header', [[0, 'LUKS\xba\xbe\x00\x01']]],
  ['luks', 'LUKS2 header', [[0, 'LUKS\xba\xbe\x00\x02']]],
  [
    'lvm',
    'LVM2 physical volume',
    [
      [512, 'LABELONE'],
      [536, 'LVM2 001'],
    ],
  ],
  ['btrfs', 'btrfs superblock', [[0x10040, '_BHRfS_M']]],
  [
    'vfat',
    'FAT32 boot sector',
    [
      [510, boot],
      [0x52, 'FAT32   '],
    ],
  ],
  [
    'ntfs',
    'NTFS boot sector',
    [
      [510, boot],
      [3, 'NTFS    '],
    ],
  ],
  ['iso9660', 'ISO 9660 volume descriptor', [[0x8001, 'CD001']]],
  ['md', 'md raid 1.2 superblock', [[4096, '\xfc\x4e\x2b\xa9']]],
  ['md', 'md raid superblock at the end', [[16 * MiB - 65536, '\xfc\x4e\x2b\xa9']]],
  ['md', 'md raid superblock at the end', [[16 * MiB - 8192, '\xfc\x4e\x2b\xa9']]],
  ['unknown', 'no known format', [[70_000, 'something']]],
];
for (const [type, evidence, marks] of named) {
  test(`${evidence} is ${type}, not inspected`, async (context) => {
    const path = await blank(join(await temporaryFolder(context), 'disk.raw'), 16 * MiB);
    for (const [offset, bytes] of marks) await write(path, offset, bytes);
    assert.deepEqual(await inspectImage(path), {
      result: 'not-inspected',
      filesystems: [{ where: 'whole disk', type, result: 'not-inspected', evidence }],
    });
  });
}

test('zeros and swap are empty, and so is a file without a byte', async (context) => {
  const folder = await temporaryFolder(context);
  const path = await blank(join(folder, 'disk.raw'), 16 * MiB);
  assert.deepEqual(await inspectImage(path), { result: 'empty', filesystems: [] });
  await tool('mkswap', path);
  assert.deepEqual(await inspectImage(path), { result: 'empty', filesystems: [] });
  assert.deepEqual(await inspectImage(await blank(join(folder, 'nothing'), 0)), { result: 'empty', filesystems: [] });
});

test('a disk that cannot be read is a row that says so, and not clean', async () => {
  const disk = { length: MiB, read: () => Promise.reject(new Error('EIO: i/o error, read')) };
  assert.deepEqual(await inspectDisk(disk), {
    result: 'dirty',
    filesystems: [{ where: 'whole disk', type: 'unreadable', result: 'dirty', evidence: 'EIO: i/o error, read' }],
  });
});

/** An MBR with these partitions of Linux, in sectors: sfdisk(8) makes no overlapping ones. */
async function overlappingDisk(folder: string, partitions: [first: number, count: number][]): Promise<string> {
  const path = await blank(join(folder, 'mbr.raw'), 64 * MiB);
  const head = Buffer.alloc(512);
  head.writeUInt16LE(0xaa55, 510);
  for (const [index, [first, count]] of partitions.entries()) {
    head[446 + index * 16 + 4] = 0x83;
    head.writeUInt32LE(first, 446 + index * 16 + 8);
    head.writeUInt32LE(count, 446 + index * 16 + 12);
  }
  await write(path, 0, head);
  return path;
}

test('partitions that overlap are named and not read, and the others are', async (context) => {
  const folder = await temporaryFolder(context);
  const path = await overlappingDisk(folder, [
    [2048, 32768],
    [2056, 65536],
    [81920, 32768],
  ]);
  const filesystem = await ext4(folder);
  await lay(filesystem, path, MiB);
  await lay(filesystem, path, 40 * MiB);
  const { result, filesystems } = await inspectImage(path);
  assert.equal(result, 'not-inspected');
  assert.deepEqual(
    filesystems.map(({ where, type, result: each, evidence }) => [where, type, each, each === 'clean' ? '' : evidence]),
    [
      ['partition 1', 'unknown', 'not-inspected', 'it overlaps partition 2'],
      ['partition 2', 'unknown', 'not-inspected', 'it overlaps partition 1'],
      ['partition 3', 'ext4', 'clean', ''],
    ],
  );
});

test('an inspection reads as many bytes as it may, and names what it did not read', async (context) => {
  const path = await gptDisk(await temporaryFolder(context));
  await using image = await openPlain(path);
  const file = await fileArea(image);
  let bytes = 0;
  const counted = {
    ...file,
    length: file.length,
    read: (...args: Parameters<typeof file.read>) => ((bytes += args[1]), file.read(...args)),
  };
  assert.equal((await inspectDisk(counted)).result, 'clean');
  const all = bytes;
  bytes = 0;
  const { result, filesystems } = await inspectDisk(counted, all - 1);
  assert.ok(bytes < all);
  assert.equal(result, 'not-inspected');
  assert.match(filesystems.at(-1)!.evidence, /^not read: the inspection of this disk had read \d+ bytes already$/);
  assert.equal(filesystems[0]!.result, 'clean');
});

test('an inspection reads nothing outside of its disk, whatever the disk says', async (context) => {
  const path = await ext4(await temporaryFolder(context));
  // Where the superblock's copy of the journal's inode has the start of its first extent.
  await write(path, 0x50c + 20, Buffer.alloc(4, 0xff));
  await using image = await openPlain(path);
  const file = await fileArea(image);
  const { filesystems } = await inspectDisk({
    length: file.length,
    read(offset, length, into) {
      assert.ok(offset + length <= file.length, `${offset} to ${offset + length} was asked for`);
      return file.read(offset, length, into);
    },
  });
  assert.match(filesystems[0]!.evidence, /lie outside its \d+ bytes/);
});

/** Each mutation is undone, so that one image serves all runs. */
async function holdsUnderMutation(path: string, places: [start: number, length: number][]): Promise<void> {
  const place = fc.oneof(...places.map(([start, length]) => fc.nat({ max: length - 9 }).map((within) => start + within)));
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc.constantFrom(new Uint8Array(8).fill(255), new Uint8Array(8)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(place, bytes), { minLength: 1, maxLength: 6 }), async (mutations) => {
      const saved: [number, Buffer][] = [];
      for (const [offset, mutation] of mutations) {
        saved.unshift([offset, await read(path, offset, mutation.length)]);
        await write(path, offset, Buffer.from(mutation));
      }
      const { result, filesystems } = await inspectImage(path);
      for (const [offset, before] of saved) await write(path, offset, before);
      assert.ok(['clean', 'dirty', 'not-inspected', 'empty'].includes(result));
      assert.equal(result === 'empty', filesystems.length === 0);
      for (const row of filesystems) assert.ok(row.evidence.length > 0 && row.evidence.length < 300, row.evidence);
    }),
    { numRuns: 150 },
  );
}

test('a damaged image has an answer, whatever its bytes are', async (context) => {
  const folder = await temporaryFolder(context);
  await testMutations(context, 'ext4', () => ext4(folder), [
    [0x400, 1024],
    [0, MiB],
  ]);
  const xfs = await blank(join(folder, 'xfs.raw'), 320 * MiB);
  await tool('mkfs.xfs', '-q', xfs);
  const log = await logGeometry(xfs);
  const at = { cycle: 1, block: 2 };
  await writeRecord(xfs, log, await writeRecord(xfs, log, at, at, superblockTransaction()), at, superblockTransaction());
  await testMutations(context, 'xfs', async () => xfs, [
    [0, 256],
    [0, MiB],
    [log.start, 3072],
  ]);
  await testMutations(context, 'gpt', () => gptDisk(folder), [
    [440, 72],
    [512, 100],
    [1024, 1024],
    [2 * MiB + 0x400, 1024],
  ]);
  await testMutations(context, 'mbr', () => mbrDisk(folder), [
    [440, 72],
    [22 * MiB + 440, 72],
    [23 * MiB + 0x400, 1024],
  ]);
});

async function testMutations(
  context: TestContext,
  name: string,
  make: () => Promise<string>,
  places: [number, number][],
): Promise<void> {
  await context.test(name, async () => holdsUnderMutation(await make(), places));
}

test('an image that was cut anywhere has an answer, and is not clean', async (context) => {
  const folder = await temporaryFolder(context);
  let path = '';
  for (const bytes of [15 * MiB, MiB, 70_000, 2048, 1500, 512, 511, 1]) {
    path ||= await ext4(folder);
    await truncate(path, bytes);
    const { result } = await inspectImage(path);
    assert.notEqual(result, 'clean', `${bytes} bytes`);
  }
});
