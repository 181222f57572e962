/** Points and restores from a repository on disk: no server, no host, and no host's file unless a name is given. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { RestorePoint } from '../../model/point/point.ts';
import { createRepository } from '../../repository/points.ts';
import { openSigner } from '../../repository/signature.ts';
import { samplePoint } from '../repository/sample-point.ts';
import { runCli } from './run-cli.ts';
import { backupId } from '../../model/ids.ts';
import { temporaryFolder } from '../support/folder.ts';

const id = '20260101T020000-1a2b3c4d';
const image = Buffer.alloc(1000, 0x41);

async function repository(t: TestContext, change: (point: RestorePoint) => void = () => {}) {
  const directory = await temporaryFolder(t);
  const path = join(directory, 'backups');
  const opened = await createRepository(path);
  const point = samplePoint(id);
  point.disks[0]!.sha256 = createHash('sha256').update(image).digest('hex');
  change(point);
  await writeFile(join(await opened.begin(backupId(id)), 'disk0.raw'), image);
  const state = join(directory, 'state');
  await opened.commit(point, await openSigner(state, point.host));
  return { directory, path, state };
}

test('points are listed from the directory alone', async (t) => {
  const { path, state } = await repository(t);
  const { status, stdout } = await runCli(['point', 'list', '--path', path, '--state', state]);
  assert.equal(status, 0);
  assert.equal(
    stdout,
    [
      'POINT                     GUEST  POINT IN TIME         GRADE       ORIGIN   DISKS  SIZE    REASONS',
      '20260101T020000-1a2b3c4d  db1    2026-01-01 02:00:00Z  filesystem  rack1-a  1      1000 B  -',
      '',
    ].join('\n'),
  );
});

test('a guest cannot write on the terminal or fake a row with its name', async (t) => {
  const { path } = await repository(t, (point) => (point.guest.name = 'db1\u001b[2J\nfake\u202e'));
  const { stdout } = await runCli(['point', 'list', '--path', path]);
  assert.equal(stdout.trimEnd().split('\n').length, 2);
  assert.match(stdout, /db1\\x1b\[2J\\x0afake\\u202e/);
  const shown = await runCli(['point', 'show', id, '--path', path]);
  assert.ok(!shown.stdout.includes('\u001b') && !shown.stdout.includes('\u202e'));
});

test('a point is shown with grade, window and what was seen on its disks', async (t) => {
  const { path, state } = await repository(t, (point) => {
    point.grade = 'crash-atomic';
    point.reasons = ['lease-expired', 'mount-not-frozen /data'];
  });
  const { status, stdout } = await runCli(['point', 'show', id, '--path', path, '--state', state]);
  assert.equal(status, 0);
  assert.match(stdout, /^grade +crash-atomic\nreasons +lease-expired\n +mount-not-frozen \/data$/m);
  assert.match(stdout, /^held +164 ms of 10\.0 s lease$/m);
  assert.match(stdout, /^disks +disk0 virtio0 1000 B clean\n +whole disk: ext4 clean \(RECOVER clear, s_start 0\)$/m);
  assert.match(stdout, /^left out +cd0 read-only$/m);
});

test('--json gives the manifest as it is', async (t) => {
  const { path } = await repository(t);
  const { stdout } = await runCli(['point', 'show', id, '--path', path, '--json']);
  assert.equal((JSON.parse(stdout) as RestorePoint).window.times.heldMs, 164);
});

test("a repository has its name from the host's file, and the only one needs none", async (t) => {
  const { directory, path } = await repository(t);
  const config = join(directory, 'host.yaml');
  await writeFile(config, `host: a\nguests: []\nscratch: { path: /s }\nrepositories: { main: ${path} }\n`);
  const env = { STILLFRAME_CONFIG: config };
  assert.match((await runCli(['point', 'list'], env)).stdout, new RegExp(id));
  assert.match((await runCli(['point', 'list', '--repository', 'main'], env)).stdout, new RegExp(id));
  const wrong = await runCli(['point', 'list', '--repository', 'mian'], env);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /has no repository "mian"\. Did you mean "main"\?/);
});

test('an unknown point names the near ones, status 2', async (t) => {
  const { path } = await repository(t);
  const { status, stderr } = await runCli(['point', 'show', `${id.slice(0, -1)}e`, '--path', path]);
  assert.equal(status, 2);
  assert.match(stderr, new RegExp(`no restore point .* Did you mean "${id}"\\?`));
});

test('a damaged manifest is named, the others are listed, status 1', async (t) => {
  const { path } = await repository(t);
  await rm(join(path, 'points', id, 'manifest.json'));
  await writeFile(join(path, 'points', id, 'manifest.json'), '{}');
  const { status, stdout, stderr } = await runCli(['point', 'list', '--path', path]);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`^stillframe: the manifest of restore point ${id} is damaged`));
  assert.match(stdout, /^POINT /);
});

test('a restore writes proven images and says so', async (t) => {
  const { directory, path, state } = await repository(t);
  const to = join(directory, 'out');
  const { status, stdout } = await runCli(['restore', id, '--path', path, '--state', state, '--to', to]);
  assert.equal(status, 0);
  assert.deepEqual(await readFile(join(to, 'disk0.raw')), image);
  assert.equal(
    stdout,
    [
      'restore disk0: 100%, 1000 B of 1000 B',
      `restored  ${id} of db1, grade filesystem`,
      'origin    signed by host rack1-a',
      `to        ${to}`,
      'files     disk0.raw 1000 B',
      '',
    ].join('\n'),
  );
  const again = await runCli(['restore', id, '--path', path, '--state', state, '--to', to]);
  assert.equal(again.status, 2);
  assert.match(again.stderr, /is not empty \(disk0\.raw\)/);
});

test('a restored disk is for its owner alone, although the umask of the caller would let all users read it', async (t) => {
  const { directory, path, state } = await repository(t);
  const to = join(directory, 'out');
  const anybody = process.umask(0);
  try {
    assert.equal((await runCli(['restore', id, '--path', path, '--state', state, '--to', to])).status, 0);
  } finally {
    process.umask(anybody);
  }
  const modes = await Promise.all([to, join(to, 'disk0.raw'), join(to, 'manifest.json')].map((each) => stat(each)));
  assert.deepEqual(
    modes.map(({ mode }) => (mode & 0o777).toString(8)),
    ['700', '600', '600'],
  );
});

test('an image that changed since is refused, and nothing is left', async (t) => {
  const { directory, path, state } = await repository(t);
  await writeFile(join(path, 'points', id, 'disk0.raw'), Buffer.alloc(1000, 0x42));
  const { status, stderr } = await runCli(['restore', id, '--path', path, '--state', state, '--to', join(directory, 'out')]);
  assert.equal(status, 1);
  assert.match(stderr, /disk0.* does not have the SHA-256 /);
  assert.deepEqual((await readdir(directory)).toSorted(), ['backups', 'state']);
});

test('a point that was altered is named ALTERED in the list, status 1, and is not restored unless it is asked for by name', async (t) => {
  const { directory, path, state } = await repository(t);
  const manifest = join(path, 'points', id, 'manifest.json');
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"grade": "filesystem"', '"grade": "application"'));
  const list = await runCli(['point', 'list', '--path', path, '--state', state]);
  assert.equal(list.status, 1);
  assert.match(list.stdout, /application +ALTERED/);
  const show = await runCli(['point', 'show', id, '--path', path, '--state', state]);
  assert.equal(show.status, 1);
  assert.match(show.stdout, /^grade +application \(claimed, not proven\)$/m);
  assert.match(show.stdout, /^origin +its signature does not fit/m);
  const to = join(directory, 'out');
  const refused = await runCli(['restore', id, '--path', path, '--state', state, '--to', to]);
  assert.equal(refused.status, 4);
  assert.match(refused.stderr, /nobody vouches for restore point .*: its signature does not fit.*--unproven/);
  await assert.rejects(stat(to), { code: 'ENOENT' });
  const taken = await runCli(['restore', id, '--path', path, '--state', state, '--to', to, '--unproven']);
  assert.equal(taken.status, 0);
  assert.match(taken.stdout, /^origin +its signature does not fit/m);
});

test('on another machine a point is restored with the public key of its host, and not without', async (t) => {
  const { directory, path, state } = await repository(t);
  const elsewhere = ['--path', path, '--state', join(directory, 'nothing')];
  const refused = await runCli(['restore', id, ...elsewhere, '--to', join(directory, 'out')]);
  assert.equal(refused.status, 4);
  assert.match(refused.stderr, /signed by a key that is not trusted here .* says that it is of host rack1-a.*--trust/);
  assert.match((await runCli(['point', 'list', ...elsewhere])).stdout, /filesystem +unknown key/);
  const key = ['--trust', join(state, 'host-key.pub')];
  assert.equal((await runCli(['restore', id, ...elsewhere, ...key, '--to', join(directory, 'out')])).status, 0);
  await mkdir(join(directory, 'nothing'));
  await copyFile(join(state, 'host-key.pub'), join(directory, 'nothing', 'trusted-hosts'));
  assert.equal((await runCli(['restore', id, ...elsewhere, '--to', join(directory, 'again')])).status, 0);
});
