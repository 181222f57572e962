/** A copy reads what guests wrote and what QEMU serves: with the rights of the user that QEMU runs as, and no others of root's. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeImages } from '../../backup/images.ts';
import { asUser, run, runToEnd, type User } from '../../lib/run.ts';
import type { RestorePoint } from '../../model/point/point.ts';
import { createRepository } from '../../repository/points.ts';
import { startBareQemu, type BareQemu } from '../fixtures/qemu.ts';
import { temporaryFolder } from '../support/folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const needsRoot = { skip: process.getuid!() !== 0 && 'only root can act as another user' };
/** The first backup of copy-main.ts. */
const backup = '20260101T020000-1a2b3c4d';
const mib = 2 ** 20;

interface Stage {
  qemu: BareQemu;
  nobody: User;
  scratch: string;
  repository: string;
  /** Arguments of copy-main.ts. */
  args: string[];
  /** SHA-256 of the disks of the guest. */
  hashes: string[];
}

/** A host of root, whose QEMU runs as another user, to whom scratch belongs. */
async function stage(t: TestContext): Promise<Stage> {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o711);
  const [uid, gid] = [Number(await run(['id', '-u', 'nobody'])), Number(await run(['id', '-g', 'nobody']))];
  const place = (name: string) => join(folder, name);
  for (const name of ['scratch', 'sockets']) {
    await mkdir(place(name), { mode: 0o700 });
    await chown(place(name), uid, gid);
  }
  const qemu = await startBareQemu(t, { user: 'nobody', directory: place('sockets'), disks: [8, 4] });
  await qemu.write(0, 7, 3, 2);
  const hashes = await Promise.all(qemu.disks.map(async (path) => hashOf(await readFile(path))));
  await createRepository(place('repository'));
  const args = ['--monitor', qemu.monitor, '--scratch', place('scratch')];
  args.push('--state', place('state'), '--repository', place('repository'));
  return { qemu, nobody: { uid, gid }, scratch: place('scratch'), repository: place('repository'), args, hashes };
}

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const main = (directory = root) => [process.execPath, join(directory, 'test/backup/copy-main.ts')];

/** The committed points, with the facts of their images on disk checked. */
async function demandPoints({ repository, hashes }: Stage, printed: string): Promise<RestorePoint[]> {
  const points = printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RestorePoint);
  for (const point of points) {
    assert.deepEqual(
      point.disks.map(({ name, bytes, file, sha256 }) => [name, bytes, file, sha256]),
      [
        ['disk0', 8 * mib, 'disk0.raw', hashes[0]],
        ['disk1', 4 * mib, 'disk1.raw', hashes[1]],
      ],
    );
    for (const { file, sha256 } of point.disks) {
      const path = join(repository, 'points', point.id, file);
      const { uid, mode } = await stat(path);
      assert.deepEqual([uid, mode & 0o7777], [0, 0o600], path);
      assert.equal(hashOf(await readFile(path)), sha256);
    }
  }
  return points;
}

/** The copy's process and its qemu-img below `host`, which has stopped QEMU: neither gets any further. */
async function heldCopy(host: number, qemu: BareQemu): Promise<[copy: number, image: number]> {
  while ((await statusOf(qemu.pid)).State?.[0] !== 'T') await delay(20);
  for (;;) {
    for (const each of await descendants(host)) {
      const { Name, PPid } = await statusOf(each);
      if (Name === 'qemu-img') return [Number(PPid), each];
    }
    await delay(20);
  }
}

async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.trim().split(' ').filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}

async function statusOf(pid: number): Promise<Record<string, string>> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Object.fromEntries(text.split('\n').map((line) => line.split(/:\s*/).map((part) => part.trim())));
}

async function filesOf(pid: number): Promise<string[]> {
  const links = (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`));
  return (await Promise.all(links)).filter((path) => path.startsWith('/') && path !== '/dev/null');
}

test('the copy and qemu-img have the rights of QEMU’s user, and of root only what is handed to them', needsRoot, async (t) => {
  const staged = await stage(t);
  const { qemu, nobody, scratch, repository, args } = staged;
  const inGroups = ['--groups', '0,4', '--'];
  const host = spawn('setpriv', [...inGroups, ...main(), ...args, '--stop', String(qemu.pid)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => host.kill('SIGKILL'));
  const printed = host.stdout.setEncoding('utf8').toArray();
  const [copy, image] = await heldCopy(host.pid!, qemu);
  const session = join(repository, 'tmp', backup);
  for (const pid of [copy, image]) {
    const { Uid, Gid, Groups, CapPrm, CapEff, CapInh, CapAmb, NoNewPrivs } = await statusOf(pid);
    assert.equal(Uid, Array(4).fill(nobody.uid).join('\t'));
    assert.equal(Gid, Array(4).fill(nobody.gid).join('\t'));
    assert.deepEqual([Groups, NoNewPrivs], ['', '1']);
    for (const capabilities of [CapPrm, CapEff, CapInh, CapAmb]) assert.match(capabilities!, /^0+$/);
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0').filter(Boolean);
    const names = environment.map((each) => each.split('=')[0]!);
    assert.deepEqual(
      names.filter((name) => !['PATH', 'NODE_COMPILE_CACHE'].includes(name)),
      [],
    );
  }
  const [first, second, socket] = [join(session, 'disk0.raw'), join(session, 'disk1.raw'), join(scratch, backup, 'nbd')];
  assert.deepEqual(new Set(await filesOf(copy)), new Set([first, second, socket]));
  // It opens them again: the socket to connect to it, the image to write into it.
  assert.deepEqual(
    (await filesOf(image)).filter((path) => ![first, socket].includes(path)),
    [],
  );
  for (const path of [first, second, join(repository, 'stillframe-repository.json')]) {
    const { status, stderr } = await runToEnd([...asUser(nobody), 'cat', path]);
    assert.deepEqual([status, /Permission denied/.test(stderr)], [1, true], path);
  }

  process.kill(qemu.pid, 'SIGCONT');
  assert.deepEqual(await once(host, 'exit'), [0, null]);
  await demandPoints(staged, (await printed).join(''));
});

test('a copy ends with the worker, as whichever user it runs', needsRoot, async (t) => {
  const { qemu, args } = await stage(t);
  const [program = '', ...words] = main();
  const host = spawn(program, [...words, ...args, '--stop', String(qemu.pid)], { stdio: 'ignore' });
  const [copy, image] = await heldCopy(host.pid!, qemu);
  host.kill('SIGKILL');
  await once(host, 'exit');
  for (const pid of [copy, image]) while (!['Z', undefined].includes((await statusOf(pid)).State?.[0])) await delay(20);
  process.kill(qemu.pid, 'SIGCONT');
});

test('the capabilities of the unit suffice, and so does code that QEMU’s user cannot read', needsRoot, async (t) => {
  const staged = await stage(t);
  const closed = join(await temporaryFolder(t), 'clone');
  for (const room of [
    'backup',
    'host',
    'inspect',
    'lib',
    'model',
    'protocol',
    'repository',
    'test/backup',
    'test/workflows',
    'package.json',
  ])
    await cp(join(root, room), join(closed, room), { recursive: true });
  await chmod(closed, 0o700);
  const unit = await readFile(join(root, 'infra/systemd/stillframe-host.service'), 'utf8');
  const granted = /^CapabilityBoundingSet=(.*)$/m
    .exec(unit)![1]!
    .toLowerCase()
    .split(' ')
    .map((each) => each.replace('cap_', '+'));
  const sandbox = ['setpriv', `--bounding-set=-all,${granted.join(',')}`, '--no-new-privs', '--'];
  const { status, stdout, stderr } = await runToEnd([...sandbox, ...main(closed), ...staged.args]);
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /copies into it run as this user/);
  await demandPoints(staged, stdout);
});

test('where another user cannot open what root made, copies run as root, and the log says so once', needsRoot, async (t) => {
  const staged = await stage(t);
  const { status, stdout, stderr } = await runToEnd([...main(), ...staged.args, '--copies', '2', '--open']);
  assert.equal(status, 0, stderr);
  assert.equal(stderr.match(/copies into it run as this user/g)?.length, 1, stderr);
  assert.equal((await demandPoints(staged, stdout)).length, 2);
});

test('images are not lent in a directory that is open to others, nor to a user that cannot open them', needsRoot, async (t) => {
  const directory = await temporaryFolder(t);
  await using images = await makeImages(directory, [{ file: 'disk0.raw', bytes: mib }]);
  const modeOf = async () => (await stat(join(directory, 'disk0.raw'))).mode & 0o777;
  assert.equal(await images.lend({ uid: NaN, gid: 65_534 }), false, 'setpriv(1) cannot become this user');
  assert.equal(await modeOf(), 0o600);
  await chmod(directory, 0o711);
  assert.equal(await images.lend({ uid: 65_534, gid: 65_534 }), false);
  assert.equal(await modeOf(), 0o600);
  await chmod(directory, 0o700);
  assert.equal(await images.lend({ uid: 65_534, gid: 65_534 }), true);
});
