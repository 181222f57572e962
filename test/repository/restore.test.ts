import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { isStillframeError } from '../../model/errors.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { RestorePoint } from '../../model/point/point.ts';
import { openPlain } from '../../lib/plain-file.ts';
import { hashImage } from '../../repository/hash.ts';
import { createRepository } from '../../repository/points.ts';
import type { Repository } from '../../repository/points.ts';
import { restorePoint } from '../../repository/restore.ts';
import type { DiskProgress } from '../../model/point/point.ts';
import { MiB, blank, write } from './images.ts';
import { samplePoint } from './sample-point.ts';
import { newSigner } from './signer.ts';
import { backupId } from '../../model/ids.ts';
import { temporaryFolder } from '../support/folder.ts';
import { withoutUmask } from '../support/umask.ts';

const id = '20260101T020000-1a2b3c4d';
const fails = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(isStillframeError(error, code), String(error));
  assert.match(error.message, message);
  return true;
};

/** The hash of the image at a path. */
async function hashAt(path: string, bytes: number): Promise<string> {
  await using file = await openPlain(path);
  return await hashImage(file, bytes);
}

/** Two disks: one with data at both ends of a large hole and an odd size, one small. */
async function stored(context: TestContext): Promise<{ repository: Repository; point: RestorePoint; target: string }> {
  const folder = await temporaryFolder(context);
  const repository = await createRepository(join(folder, 'backups'));
  const session = await repository.begin(backupId(id));
  const bytes = 64 * MiB + 777;
  await blank(join(session, 'disk0.raw'), bytes);
  await write(join(session, 'disk0.raw'), 12_345, 'at the front');
  await write(join(session, 'disk0.raw'), 4 * MiB - 3, 'across two reads');
  await write(join(session, 'disk0.raw'), bytes - 7, 'the end');
  await writeFile(join(session, 'disk1.raw'), Buffer.alloc(1000, 0x41));
  const sample = samplePoint(id);
  const disk = sample.disks[0]!;
  const first = await hashAt(join(session, 'disk0.raw'), bytes);
  const second = await hashAt(join(session, 'disk1.raw'), 1000);
  const point: RestorePoint = {
    ...sample,
    disks: [
      { ...disk, bytes, sha256: first },
      { ...disk, name: 'disk1', file: 'disk1.raw', bytes: 1000, sha256: second },
    ],
  };
  await repository.commit(point, await newSigner());
  return { repository, point, target: join(folder, 'restored') };
}

test('the hash is that of all bytes, holes included', async (context) => {
  const { repository } = await stored(context);
  const path = repository.image(backupId(id), 'disk0.raw');
  assert.equal(
    await hashAt(path, 64 * MiB + 777),
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  );
  assert.equal(await hashAt(await blank(join(repository.directory, 'none'), 0), 0), createHash('sha256').digest('hex'));
});

test('a restore gives the same bytes, holes left out, with the manifest beside them', async (context) => {
  const { repository, point, target } = await stored(context);
  const seen: DiskProgress[] = [];
  await restorePoint(repository, point, target, { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual((await readdir(target)).toSorted(), ['disk0.raw', 'disk1.raw', 'manifest.json']);
  for (const { file } of point.disks) {
    assert.ok((await readFile(join(target, file))).equals(await readFile(repository.image(backupId(id), file))), file);
  }
  const { size, blocks } = await stat(join(target, 'disk0.raw'));
  assert.equal(size, 64 * MiB + 777);
  assert.ok(blocks * 512 < MiB, `${blocks * 512} bytes allocated`);
  assert.deepEqual(JSON.parse(await readFile(join(target, 'manifest.json'), 'utf8')), point);
  assert.deepEqual(seen.at(-1), { disk: 'disk1', doneBytes: 64 * MiB + 1777, totalBytes: 64 * MiB + 1777 });
});

test('a restored disk is for its owner alone, whatever the umask', async (context) => {
  withoutUmask(context);
  const { repository, point, target } = await stored(context);
  await restorePoint(repository, point, target);
  const modes = await Promise.all(['', 'disk0.raw', 'disk1.raw', 'manifest.json'].map((name) => stat(join(target, name))));
  assert.deepEqual(
    modes.map(({ mode }) => (mode & 0o777).toString(8)),
    ['700', '600', '600', '600'],
  );
});

const damages: [string, (image: string) => Promise<unknown>, RegExp][] = [
  ['one wrong byte', (image) => write(image, 999, 'B'), /disk1 of restore point .* does not have the SHA-256/],
  ['a byte less', (image) => truncate(image, 999), /disk1.raw has 999 of its 1000 bytes/],
  ['no file', (image) => rm(image), /disk1.raw is missing/],
];
for (const [what, damage, expected] of damages) {
  test(`an image with ${what} is refused, and the target is as it was`, async (context) => {
    const { repository, point, target } = await stored(context);
    await damage(repository.image(backupId(id), 'disk1.raw'));
    await assert.rejects(restorePoint(repository, point, target), fails('point-damaged', expected));
    await assert.rejects(stat(target), { code: 'ENOENT' });
    await mkdir(target);
    await assert.rejects(restorePoint(repository, point, target), fails('point-damaged', expected));
    assert.deepEqual(await readdir(target), []);
  });
}

test('a target that is not empty is refused and left alone', async (context) => {
  const { repository, point, target } = await stored(context);
  await mkdir(target);
  await copyFile(import.meta.filename, join(target, 'disk0.raw.part'));
  await assert.rejects(restorePoint(repository, point, target), fails('input-invalid', /not empty \(disk0.raw.part\)/));
  assert.deepEqual(await readdir(target), ['disk0.raw.part']);
});

test('a restore that is aborted leaves nothing', async (context) => {
  const { repository, point, target } = await stored(context);
  const abort = new AbortController();
  const reason = new Error('the user went home');
  const onProgress = () => abort.abort(reason);
  await assert.rejects(restorePoint(repository, point, target, { onProgress, signal: abort.signal }), reason);
  await assert.rejects(stat(target), { code: 'ENOENT' });
});

test('the error for a target that cannot be made names path, errno and what to do', async (context) => {
  const { repository, point, target } = await stored(context);
  await writeFile(target, '');
  await assert.rejects(
    restorePoint(repository, point, join(target, 'deep')),
    fails('target-unwritable', /ENOTDIR.*: name a directory/),
  );
});
