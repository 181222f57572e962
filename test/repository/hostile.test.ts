/** A repository in which others have put something else: an error at once, by name, and the other points as before. */

import assert from 'node:assert/strict';
import { chmod, link, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { run } from '../../lib/run.ts';
import { isStillframeError } from '../../model/errors.ts';
import { backupId } from '../../model/ids.ts';
import { createRepository, openRepository } from '../../repository/points.ts';
import { restorePoint } from '../../repository/restore.ts';
import { temporaryFolder } from '../support/folder.ts';
import { samplePoint } from './sample-point.ts';
import { newSigner } from './signer.ts';

const hostile = '20260101T020000-1a2b3c4d';
const sound = '20260102T020000-1a2b3c4d';

async function repositoryOfTwo(t: TestContext) {
  const directory = join(await temporaryFolder(t), 'backups');
  const repository = await createRepository(directory);
  for (const id of [hostile, sound]) {
    const point = samplePoint(id);
    const session = await repository.begin(point.id);
    for (const disk of point.disks) await writeFile(join(session, disk.file), Buffer.alloc(disk.bytes, 0x41));
    await repository.commit(point, await newSigner());
  }
  return { directory, repository, folder: join(directory, 'points', hostile), disk: samplePoint(hostile).disks[0]! };
}

/** What is put in the place of a file, and what the error says of it. */
const planted: [what: string, plant: (path: string) => Promise<unknown>, said: RegExp][] = [
  ['a FIFO', (path) => run(['mkfifo', path]), /is not a plain file/],
  ['a link to a device without end', (path) => symlink('/dev/zero', path), /is a symbolic link/],
  ['a link to another file', (path) => symlink('/etc/passwd', path), /is a symbolic link/],
  ['a directory', (path) => mkdir(path), /is not a plain file/],
  ['a file of megabytes', (path) => run(['truncate', '-s', '64M', path]), /has (more than \d+|67108864 of its \d+) bytes/],
];

for (const [what, plant, said] of planted) {
  test(`${what} in the place of a manifest is named in the list, which has the other points, and refused alone`, async (t) => {
    const { repository, folder } = await repositoryOfTwo(t);
    await rm(join(folder, 'manifest.json'));
    await plant(join(folder, 'manifest.json'));
    const { points, damaged } = await repository.list();
    assert.deepEqual(
      points.map((point) => point.id),
      [sound],
    );
    assert.deepEqual(
      damaged.map((each) => each.id),
      [hostile],
    );
    assert.match(damaged[0]!.problem, said);
    await assert.rejects(
      repository.read(hostile),
      (error) => isStillframeError(error, 'point-damaged') && said.test(error.message),
    );
  });

  test(`${what} in the place of an image is refused before anything is written`, async (t) => {
    const { repository, folder, disk } = await repositoryOfTwo(t);
    await rm(join(folder, disk.file));
    await plant(join(folder, disk.file));
    const target = join(await temporaryFolder(t), 'restored');
    await assert.rejects(
      restorePoint(repository, samplePoint(hostile), target),
      (error) => isStillframeError(error, 'point-damaged') && said.test(error.message),
    );
    await assert.rejects(readdir(target), { code: 'ENOENT' });
  });
}

test('a link in the place of a point’s directory is damaged, and the other points are listed', async (t) => {
  const { directory, repository, folder } = await repositoryOfTwo(t);
  await rename(folder, join(directory, 'elsewhere'));
  await symlink(join(directory, 'elsewhere'), folder);
  const { points, damaged } = await repository.list();
  assert.deepEqual([points.map((point) => point.id), damaged.map((each) => each.id)], [[sound], [hostile]]);
});

test('a marker that is a FIFO is refused at once', async (t) => {
  const { directory } = await repositoryOfTwo(t);
  await rm(join(directory, 'stillframe-repository.json'));
  await run(['mkfifo', join(directory, 'stillframe-repository.json')]);
  await assert.rejects(openRepository(directory), (error) => isStillframeError(error, 'repository-unknown'));
});

test('an error about an image never shows the hash of what stands there', async (t) => {
  const { repository, folder, disk } = await repositoryOfTwo(t);
  const secret = join(await temporaryFolder(t), 'secret');
  await writeFile(secret, Buffer.alloc(disk.bytes, 0x42));
  await rm(join(folder, disk.file));
  await link(secret, join(folder, disk.file));
  await assert.rejects(
    restorePoint(repository, samplePoint(hostile), join(await temporaryFolder(t), 'restored')),
    (error) => isStillframeError(error, 'point-damaged') && !/[0-9a-f]{64}/.test(error.message),
  );
});

test('a commit refuses a link in the place of an image, and makes no point', async (t) => {
  const { repository } = await repositoryOfTwo(t);
  const point = samplePoint('20260103T020000-1a2b3c4d');
  const session = await repository.begin(point.id);
  for (const disk of point.disks) await symlink('/dev/zero', join(session, disk.file));
  await assert.rejects(
    repository.commit(point, await newSigner()),
    (error) => isStillframeError(error, 'copy-failed') && /is a symbolic link/.test(error.message),
  );
  assert.equal(await repository.find(backupId(point.id)), null);
});

for (const name of ['tmp', 'points']) {
  test(`a repository whose ${name} is a link is not written into, and nothing is removed through it`, async (t) => {
    const { directory, repository } = await repositoryOfTwo(t);
    const elsewhere = await temporaryFolder(t);
    await mkdir(join(elsewhere, 'cron.d'));
    await rm(join(directory, name), { recursive: true });
    await symlink(elsewhere, join(directory, name));
    const refused = (error: unknown) => isStillframeError(error, 'repository-unwritable') && error.message.includes(name);
    await assert.rejects(repository.abandon(backupId('cron.d')), refused);
    await assert.rejects(repository.begin(backupId('20260103T020000-1a2b3c4d')), refused);
    assert.deepEqual(await readdir(elsewhere), ['cron.d']);
  });
}

test('a repository that another user may change is read, and not written into', async (t) => {
  const { directory, repository } = await repositoryOfTwo(t);
  await chmod(join(directory, 'tmp'), 0o777);
  await assert.rejects(
    repository.begin(backupId('20260103T020000-1a2b3c4d')),
    (error) => isStillframeError(error, 'repository-unwritable') && /chmod go-w/.test(error.message),
  );
  assert.equal((await repository.list()).points.length, 2);
});
