/** A restore point claims what this host's own journal and copy say, whatever the request says. */

import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createCopyActivities } from '../../activities/copy.ts';
import { createBackups, type Backups } from '../../backup/backups.ts';
import type { BackupRequest } from '../../model/workflows/backup-guest.ts';
import { openJournal, type Journal } from '../../host/journal/journal.ts';
import { isStillframeError } from '../../model/errors.ts';
import type { PointDisk, RestorePoint } from '../../model/point/point.ts';
import type { WindowOutcome } from '../../model/window/window.ts';
import { openSessions, type Sessions } from '../../backup/sessions.ts';
import { openKnownRepositories, repositoriesOf } from '../../repository/known.ts';
import { createRepository, type Repository } from '../../repository/points.ts';
import { createFakeDriver, type FakeDriver } from '../fakes/fake-driver.ts';
import { cleanDisk, outcomeOf } from '../workflows/stand-ins.ts';
import { backupId, guestId, hostId } from '../../model/ids.ts';
import { newSigner } from '../repository/signer.ts';
import { temporaryFolder } from '../support/folder.ts';

const request: BackupRequest = { guest: guestId('db1-id'), backup: backupId('20260101T020000-1a2b3c4d'), repository: 'main' };
const disk: PointDisk = { ...cleanDisk, bytes: 1024 };

interface Stage {
  backups: Backups;
  journal: Journal;
  repository: Repository;
  sessions: Sessions;
  driver: FakeDriver;
}

async function stage(context: TestContext): Promise<Stage> {
  const folder = await temporaryFolder(context);
  const journal = openJournal({ stateDir: folder });
  const driver = createFakeDriver({ id: request.guest, name: 'db1', channel: { kind: 'socket', path: '/c' }, carries: [] });
  const repositories = { main: join(folder, 'main') };
  const repository = await createRepository(repositories.main);
  const signer = await newSigner('h1');
  const repositoryNamed = repositoriesOf(repositories, openKnownRepositories(join(folder, 'state')));
  const sessions = openSessions(join(folder, 'state'), repositoryNamed);
  const backups = createBackups({
    driver,
    journal,
    config: { host: hostId('h1') },
    repositoryNamed,
    sessions,
    reaper: { claim: async () => ({ [Symbol.dispose]() {} }) },
    ending: new AbortController().signal,
    signer,
    log: () => {},
  });
  return { backups, journal, repository, sessions, driver };
}

/** A window of one disk as the journal has it once it is closed. */
async function journalled(journal: Journal, over: Partial<WindowOutcome> = {}, backup = request.backup): Promise<WindowOutcome> {
  const key = { guest: request.guest, backup, attempt: 1 };
  const { claim } = outcomeOf(key);
  const { epoch } = await journal.begin({
    ...key,
    guestName: 'db1',
    channel: { kind: 'socket', path: '/c' },
    claim,
    leaseMs: 10_000,
  });
  const outcome = outcomeOf(key, { epoch, disks: [{ name: 'disk0', device: 'vda', bytes: 1024 }], ...over });
  await journal.close(outcome);
  return outcome;
}

/** As a finished copy leaves it. */
async function copied({ repository, sessions }: Stage, disks: PointDisk[] = [disk], guest = request.guest): Promise<void> {
  await sessions.record({ ...request, guest });
  const session = await repository.begin(request.backup);
  for (const { file, bytes } of disks) await writeFile(join(session, file), Buffer.alloc(bytes));
  await repository.recordDisks(request.backup, disks);
}

const fails = (code: Parameters<typeof isStillframeError>[1], message: RegExp) => (error: unknown) => {
  assert.ok(isStillframeError(error, code!), String(error));
  assert.match(error.message, message);
  return true;
};

test('a point holds the window of the journal and the disks of the copy, graded by them', async (context) => {
  const set = await stage(context);
  const { backups, journal, repository } = set;
  const window = await journalled(journal);
  await copied(set);
  const point = await backups.commit(request);
  assert.deepEqual([point.grade, point.reasons, point.window, point.disks], ['filesystem', [], window, [disk]]);
  assert.deepEqual([point.guest, point.host, point.pointInTimeAt], [{ id: 'db1-id', name: 'db1' }, 'h1', window.pointInTimeAt]);
  assert.deepEqual(await repository.read(request.backup), point);
});

test('changes are counted from a point that was committed, and go back to the interval before when none was', async (context) => {
  const set = await stage(context);
  const { backups, journal, driver } = set;
  await backups.cleanUp(request);
  assert.deepEqual(driver.calls.splice(0), ['end', 'settle false']);
  await assert.rejects(backups.commit(request));
  assert.deepEqual(driver.calls, []);
  await journalled(journal);
  await copied(set);
  driver.pointInTime.settle = async (_, __, committed) => {
    driver.calls.push(`settle ${committed}`);
    throw new Error('the disk of the host is full');
  };
  await backups.commit(request);
  await backups.cleanUp(request);
  assert.deepEqual(driver.calls, ['settle true', 'end', 'settle false'], 'and what cannot be settled now fails no backup');
});

test('a request that brings a point of its own changes nothing, and one that brings a grade is refused', async (context) => {
  const set = await stage(context);
  const { backups, journal } = set;
  await journalled(journal, { reasons: ['mount-not-frozen /data'] });
  await copied(set);
  const { commitPoint: activity } = createCopyActivities({ backups });
  const commitPoint = (input: typeof request) => new MockActivityEnvironment().run(activity, input) as Promise<RestorePoint>;
  const graded = { ...request, grade: 'application' };
  await assert.rejects(commitPoint(graded), { type: 'input-invalid', message: /"grade" is not known/ });
  const forged = { ...request, point: { grade: 'application', reasons: [], disks: [{ ...disk, sha256: '0'.repeat(64) }] } };
  const point = await commitPoint(forged);
  assert.deepEqual([point.grade, point.reasons, point.disks], ['crash-atomic', ['mount-not-frozen /data'], [disk]]);
});

test('a disk that the copy found dirty lowers the grade', async (context) => {
  const set = await stage(context);
  const { backups, journal } = set;
  await journalled(journal);
  const filesystems = [{ where: 'whole disk', type: 'ext4', result: 'dirty' as const, evidence: 'RECOVER set' }];
  await copied(set, [{ ...disk, inspection: { result: 'dirty', filesystems } }]);
  const point = await backups.commit(request);
  assert.deepEqual([point.grade, point.reasons], ['crash-atomic', ['disk-not-clean disk0 ext4']]);
});

test('a commit without a point in time in the journal is refused, and nothing is published', async (context) => {
  const set = await stage(context);
  const { backups, journal, repository } = set;
  await copied(set);
  await assert.rejects(backups.commit(request), fails('point-in-time-lost', /the journal of this host has no point in time/));
  await journalled(journal, { pointInTimeAt: null, failure: { code: 'lease-expired', message: 'too late' } });
  await assert.rejects(backups.commit(request), fails('point-in-time-lost', /the journal of this host has no point in time/));
  assert.deepEqual((await repository.list()).points, []);
});

test('the window of another backup of the same guest is not taken for this one', async (context) => {
  const set = await stage(context);
  const { backups, journal } = set;
  await journalled(journal, {}, backupId('20260101T010000-1a2b3c4d'));
  await copied(set);
  await assert.rejects(backups.commit(request), fails('point-in-time-lost', /no point in time of backup 20260101T020000/));
});

test('a copy that did not end, or that holds other disks than the point in time, is not committed', async (context) => {
  const set = await stage(context);
  const { backups, journal, repository } = set;
  await journalled(journal);
  await repository.begin(request.backup);
  await assert.rejects(backups.commit(request), fails('copy-failed', /no finished copy of backup 20260101T020000-1a2b3c4d/));
  await copied(set, [{ ...disk, bytes: 512 }]);
  await assert.rejects(
    backups.commit(request),
    fails('copy-failed', /captured: disk0 of 1024 bytes; copied: disk0 of 512 bytes/),
  );
  await copied(set, []);
  await assert.rejects(backups.commit(request), fails('copy-failed', /copied: none/));
  assert.deepEqual((await repository.list()).points, []);
});

test('a repeated commit answers with the same point, though the guest is gone by then', async (context) => {
  const set = await stage(context);
  const { backups, journal, driver } = set;
  await journalled(journal);
  await copied(set);
  const first = await backups.commit(request);
  driver.guest = () => assert.fail('the guest was asked for');
  assert.deepEqual(await backups.commit(request), first);
});

test('a commit that is cut short after its rename is finished by the next', async (context) => {
  const set = await stage(context);
  const { backups, journal, repository } = set;
  await journalled(journal);
  await copied(set);
  const point = await backups.commit(request);
  // What a power cut leaves between the rename and the manifest.
  const folder = join(repository.directory, 'points', request.backup);
  await writeFile(join(folder, 'disks.json'), JSON.stringify(point.disks));
  const manifest = join(folder, 'manifest.json');
  const before = JSON.parse(await readFile(manifest, 'utf8')) as { sha256: string };
  await rm(manifest);
  const { committedAt: _, ...again } = await backups.commit(request);
  assert.deepEqual({ ...before, committedAt: undefined }, { ...again, committedAt: undefined });
});

test('a copy of a backup whose point is committed does nothing, as when its workflow was reset, and the commit answers with that point', async (context) => {
  const set = await stage(context);
  const { backups, journal } = set;
  await journalled(journal);
  await copied(set);
  const point = await backups.commit(request);
  await backups.copy(request, { signal: new AbortController().signal, onProgress: () => {} });
  assert.deepEqual(await backups.commit(request), point);
});

test('a backup id that another guest has used is refused by name', async (context) => {
  const set = await stage(context);
  const { backups, journal } = set;
  await journalled(journal);
  await copied(set);
  await backups.commit(request);
  await assert.rejects(
    backups.commit({ ...request, guest: guestId('web-id') }),
    fails('input-invalid', /is of guest db1-id, not of web-id/),
  );
});

test('a point that somebody else put under the id of a running backup is no answer', async (context) => {
  const set = await stage(context);
  const { backups, journal, repository } = set;
  await journalled(journal);
  await copied(set);
  const point = await backups.commit(request);
  assert.deepEqual(await backups.commit(request), point, 'its own is');
  const signature = join(repository.directory, 'points', request.backup, 'manifest.sig');
  const manifest = await readFile(join(repository.directory, 'points', request.backup, 'manifest.json'), 'utf8');
  await writeFile(signature, (await newSigner('h1')).sign(repository.id, manifest));
  await assert.rejects(backups.commit(request), fails('point-unproven', /without the signature of this host/));
});

test('the copy of another guest under the same backup id is not committed, although its disks have the same sizes', async (context) => {
  const set = await stage(context);
  await journalled(set.journal);
  await copied(set, [disk], guestId('db2-id'));
  await assert.rejects(set.backups.commit(request), fails('copy-failed', /no finished copy of backup .* of guest db1-id/));
  assert.deepEqual((await set.repository.list()).points, []);
});
