import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { isStillframeError } from '../../model/errors.ts';
import type { ErrorCode } from '../../model/errors.ts';
import { createRepository, openRepository } from '../../repository/points.ts';
import type { Repository } from '../../repository/points.ts';
import { forged } from '../support/forged.ts';
import { samplePoint } from './sample-point.ts';
import { newSigner } from './signer.ts';
import { backupId } from '../../model/ids.ts';
import { temporaryFolder } from '../support/folder.ts';
import { withoutUmask } from '../support/umask.ts';

const fails = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(isStillframeError(error, code), String(error));
  assert.match(error.message, message);
  return true;
};

async function made(context: TestContext): Promise<{ repository: Repository; directory: string }> {
  const directory = join(await temporaryFolder(context), 'backups');
  return { repository: await createRepository(directory), directory };
}

const id = '20260101T020000-1a2b3c4d';

async function committed(repository: Repository, point = samplePoint(id)): Promise<void> {
  const session = await repository.begin(point.id);
  for (const disk of point.disks) await writeFile(join(session, disk.file), Buffer.alloc(disk.bytes, 0x41));
  await repository.commit(point, await newSigner());
}

test('a repository keeps its id, and only an absent or empty directory becomes one', async (context) => {
  const { repository, directory } = await made(context);
  assert.equal((await openRepository(directory)).id, repository.id);
  const other = await temporaryFolder(context);
  await assert.rejects(openRepository(other), fails('repository-unknown', /is not a repository/));
  await writeFile(join(other, 'letter.txt'), '');
  await assert.rejects(createRepository(other), fails('repository-unknown', /not empty \(letter.txt\)/));
});

test('a repository and its points are for their owner alone, whatever the umask', async (context) => {
  withoutUmask(context);
  const { repository, directory } = await made(context);
  await committed(repository);
  const names = ['', 'stillframe-repository.json', 'points', 'tmp', `points/${id}`, `points/${id}/manifest.json`];
  const modes = await Promise.all(names.map((name) => stat(join(directory, name))));
  assert.deepEqual(
    modes.map(({ mode }) => mode & 0o077),
    names.map(() => 0),
  );
});

test('the next point closes a repository that an earlier version left open to other users', async (context) => {
  const { repository, directory } = await made(context);
  await chmod(directory, 0o755);
  await repository.list();
  assert.equal((await stat(directory)).mode & 0o777, 0o755, 'a reader changes nothing');
  await committed(repository);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
});

test('a creation that was cut short is finished by the next', async (context) => {
  const { directory } = await made(context);
  await rename(join(directory, 'stillframe-repository.json'), join(directory, 'stillframe-repository.json.part'));
  await createRepository(directory);
  await openRepository(directory);
});

test('a marker that is damaged or of a later format is refused', async (context) => {
  const { directory } = await made(context);
  const marker = join(directory, 'stillframe-repository.json');
  await writeFile(marker, '{"format":2,"id":"x"}');
  await assert.rejects(createRepository(directory), fails('repository-unknown', /format 2, and this version reads format 1/));
  await writeFile(marker, 'what');
  await assert.rejects(openRepository(directory), fails('repository-unknown', /is damaged/));
  await writeFile(marker, '{"format":1}');
  await assert.rejects(openRepository(directory), fails('repository-unknown', /no usable id/));
});

test('the error for a directory that cannot be written names path, errno and what to do', async (context) => {
  const folder = await temporaryFolder(context);
  await writeFile(join(folder, 'file'), '');
  await assert.rejects(createRepository(join(folder, 'file', 'backups')), (error: unknown) => {
    fails('repository-unwritable', /ENOTDIR.*: name a directory/)(error);
    assert.deepEqual((error as { facts: unknown }).facts, { path: join(folder, 'file', 'backups'), errno: 'ENOTDIR' });
    return true;
  });
  const { repository, directory } = await made(context);
  await rm(join(directory, 'tmp'), { recursive: true });
  await assert.rejects(repository.begin(backupId(id)), fails('repository-unwritable', /ENOENT/));
});

test('a committed point is read back as it was, and leaves no session', async (context) => {
  const { repository, directory } = await made(context);
  await committed(repository);
  assert.deepEqual(await repository.read(id), samplePoint(id));
  assert.deepEqual(await readdir(join(directory, 'tmp')), []);
  assert.deepEqual((await readdir(join(directory, 'points', id))).toSorted(), ['disk0.raw', 'manifest.json', 'manifest.sig']);
  assert.equal((await stat(repository.image(backupId(id), 'disk0.raw'))).size, samplePoint(id).disks[0]!.bytes);
});

test('the claim of our agent is kept with epoch and boot id, and checked like every field', async (context) => {
  const { repository, directory } = await made(context);
  const point = samplePoint(id);
  point.window.claim = {
    ...point.window.claim,
    agent: 'stillframe',
    filesystems: [{ mountpoint: '/data', type: 'ext4', device: 'vdb', outcome: 'frozen' }],
    lease: {
      bootId: '2c5f1f0e-7c5b-4f5c-8f2e-1d4a7b0c9e11',
      epochAtProof: 4,
      hooks: [{ name: '10-db', outcome: 'success', detail: null }],
      thawHooks: null,
      heldMs: 150,
      leaseFired: false,
    },
  };
  await committed(repository, point);
  assert.deepEqual(await repository.read(id), point);
  const path = join(directory, 'points', id, 'manifest.json');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"2c5f1f0e-7c5b-4f5c-8f2e-1d4a7b0c9e11"', '7'));
  await assert.rejects(repository.read(id), fails('point-damaged', /window\.claim\.lease\.bootId is 7, expected text/));
});

test('points are listed by their point in time', async (context) => {
  const { repository } = await made(context);
  const late = { ...samplePoint('20260101T000000-aaaaaaaa'), pointInTimeAt: '2026-03-01T00:00:00.000Z' };
  await committed(repository, late);
  await committed(repository);
  assert.deepEqual(
    (await repository.list()).points.map((point) => point.id),
    [id, late.id],
  );
});

test('a point whose commit was cut short does not exist, and the same commit can be repeated', async (context) => {
  const { repository, directory } = await made(context);
  await committed(repository);
  await rm(join(directory, 'points', id, 'manifest.json'));
  assert.deepEqual(await repository.list(), { points: [], damaged: [] });
  await assert.rejects(repository.read(id), fails('point-unknown', /no restore point/));
  await repository.commit(samplePoint(id), await newSigner());
  await repository.commit(samplePoint(id), await newSigner());
  assert.equal((await repository.list()).points.length, 1);
});

test('abandon removes what was begun, or renamed without a manifest, and never a point', async (context) => {
  const { repository, directory } = await made(context);
  assert.equal(await repository.abandon(backupId(id)), false);
  await writeFile(join(await repository.begin(backupId(id)), 'disk0.raw'), 'half');
  assert.equal(await repository.abandon(backupId(id)), true);
  await committed(repository);
  assert.equal(await repository.abandon(backupId(id)), false);
  await repository.read(id);
  await rm(join(directory, 'points', id, 'manifest.json'));
  assert.equal(await repository.abandon(backupId(id)), true);
  assert.deepEqual(await readdir(join(directory, 'points')), []);
});

test('begin starts from nothing, and refuses a point that exists', async (context) => {
  const { repository } = await made(context);
  await writeFile(join(await repository.begin(backupId(id)), 'disk0.raw'), 'half');
  assert.deepEqual(await readdir(await repository.begin(backupId(id))), []);
  await committed(repository);
  await assert.rejects(repository.begin(backupId(id)), fails('input-invalid', /exists already/));
});

test('an image that is missing or too short makes no point', async (context) => {
  const { repository } = await made(context);
  const session = await repository.begin(backupId(id));
  await assert.rejects(repository.commit(samplePoint(id), await newSigner()), fails('copy-failed', /disk0.raw is missing/));
  await writeFile(join(session, 'disk0.raw'), 'short');
  await assert.rejects(repository.commit(samplePoint(id), await newSigner()), fails('copy-failed', /has 5 bytes, expected/));
  assert.deepEqual((await repository.list()).points, []);
});

test('an unknown point is answered with near ids, and a text that is not an id never becomes a path', async (context) => {
  const { repository } = await made(context);
  await committed(repository);
  await assert.rejects(
    repository.read('20260101T020000-1a2b3c4e'),
    fails('point-unknown', /Did you mean "20260101T020000-1a2b3c4d"/),
  );
  await assert.rejects(repository.read('../points'), fails('point-unknown', /"\.\.\/points"/));
  await assert.rejects(repository.begin(forged('../../etc')), fails('input-invalid', /is not an id/));
  await assert.rejects(repository.abandon(forged('..')), fails('input-invalid', /is not an id/));
});

// oxlint-disable-next-line typescript/no-explicit-any -- each damage reaches into the manifest in its own way
const damages: [string, (manifest: Record<string, any>) => unknown, RegExp][] = [
  [
    'a path as the name of an image',
    (m) => (m['disks'][0].file = '../../etc/passwd'),
    /disks\[0\]\.file is "\.\.\/\.\.\/etc\/passwd"/,
  ],
  ['the manifest as an image', (m) => (m['disks'][0].file = 'manifest.json'), /disks\[0\]\.file/],
  ['two disks in one file', (m) => m['disks'].push(m['disks'][0]), /two of them name one file/],
  ['another id', (m) => (m['id'] = '20260101T020000-00000000'), /is in the folder of/],
  ['a later format', (m) => (m['format'] = 2), /format is 2, expected one of 1/],
  ['an unknown grade', (m) => (m['grade'] = 'perfect'), /grade is "perfect", expected one of application/],
  ['a hash that is none', (m) => (m['disks'][0].sha256 = 'abc'), /disks\[0\]\.sha256/],
  ['a size that is none', (m) => (m['disks'][0].bytes = -1), /disks\[0\]\.bytes is -1/],
  ['a missing claim', (m) => delete m['window'].claim, /window\.claim is missing/],
  ['a time that is none', (m) => (m['pointInTimeAt'] = 'yesterday'), /pointInTimeAt is "yesterday"/],
];
for (const [what, damage, expected] of damages) {
  test(`a manifest with ${what} is damaged: refused when read, named when listed`, async (context) => {
    const { repository, directory } = await made(context);
    await committed(repository);
    const path = join(directory, 'points', id, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    damage(manifest);
    await writeFile(path, JSON.stringify(manifest));
    await assert.rejects(repository.read(id), fails('point-damaged', expected));
    const { points, damaged } = await repository.list();
    assert.deepEqual([points, damaged.map((each) => each.id)], [[], [id]]);
  });
}

test('a manifest that is not JSON, is too long or is a directory does not hide the others', async (context) => {
  const { repository, directory } = await made(context);
  await committed(repository);
  for (const name of ['a', 'b', 'c']) await mkdir(join(directory, 'points', name));
  await writeFile(join(directory, 'points', 'a', 'manifest.json'), '{"format":1,');
  await writeFile(join(directory, 'points', 'b', 'manifest.json'), Buffer.alloc(5 * 1024 * 1024, 0x20));
  await mkdir(join(directory, 'points', 'c', 'manifest.json'));
  const { points, damaged } = await repository.list();
  assert.deepEqual([points.map((point) => point.id), damaged.map((each) => each.id)], [[id], ['a', 'b', 'c']]);
});
