/** Doctor and thaw by hand on a state directory: what is owed, and what stands in the way. */

import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openJournal } from '../../host/journal/journal.ts';
import type { Finding } from '../../model/doctor.ts';
import { runCli } from './run-cli.ts';
import { backupId, guestId } from '../../model/ids.ts';
import { createRepository } from '../../repository/points.ts';
import { temporaryFolder } from '../support/folder.ts';

async function host(t: TestContext) {
  const directory = await temporaryFolder(t);
  const config = join(directory, 'host.yaml');
  const [channel, monitor] = [join(directory, 'qga.sock'), join(directory, 'qmp.sock')];
  await writeFile(
    config,
    `host: a\nguests: [{ name: db1, channel: ${channel}, monitor: ${monitor} }]\nscratch: { path: ${directory}/scratch }\n` +
      `repositories: { main: ${directory}/backups }\n`,
  );
  return {
    directory,
    config,
    channel,
    env: { STILLFRAME_CONFIG: config, STILLFRAME_STATE: directory, TEMPORAL_ADDRESS: '127.0.0.1:1' },
  };
}

async function examine(env: Record<string, string>): Promise<{ status: number | null; of(check: string): Finding[] }> {
  const { status, stdout } = await runCli(['doctor', '--json'], env);
  const findings = JSON.parse(stdout) as Finding[];
  return { status, of: (check) => findings.filter((each) => each.check === check) };
}

async function owe(directory: string): Promise<void> {
  await openJournal({ stateDir: directory }).begin({
    guest: guestId('db1-id'),
    guestName: 'db1',
    backup: backupId('20260101T020000-1a2b3c4d'),
    attempt: 1,
    leaseMs: 1,
    channel: { kind: 'socket', path: join(directory, 'nobody.sock') },
    claim: {
      agent: 'qemu-ga',
      version: '7.2',
      filesystems: [],
      frozenCount: null,
      thawedCount: null,
      frozenAfterPointInTime: false,
    },
  });
}

test('a scratch that other users can write fails, with the command that ends that', async (t) => {
  const { env, directory } = await host(t);
  const scratch = join(directory, 'scratch');
  await mkdir(scratch);
  await chmod(scratch, 0o777);
  const [finding] = (await examine(env)).of('scratch');
  assert.equal(finding!.result, 'fail');
  assert.ok(finding!.found.includes(`run "chmod go-w ${scratch}"`), finding!.found);
});

test('what lies in scratch of no backup that this host knows is named, and left where it is', async (t) => {
  const { env, directory } = await host(t);
  const stray = join(directory, 'scratch', '20260101T020000-1a2b3c4d');
  await mkdir(stray, { recursive: true });
  const [finding] = (await examine(env)).of('scratch');
  assert.equal(finding!.result, 'warn');
  assert.match(finding!.found, /is of no backup that this state directory knows/);
  assert.ok(finding!.wayOut!.endsWith(`remove ${stray}`));
});

test('each finding says ok, warn or fail, and what to do where it is not ok', async (t) => {
  const { env, channel, directory } = await host(t);
  const server = createServer().listen(channel);
  t.after(() => server.close());
  const { status, of } = await examine(env);
  assert.equal(status, 1);
  assert.deepEqual(
    of('node').map(({ result }) => result),
    ['ok'],
  );
  assert.deepEqual(of('temporal'), [
    {
      check: 'temporal',
      result: 'fail',
      found: 'no server answers at 127.0.0.1:1',
      wayOut: 'start one with "stillframe up", or name yours with --address or TEMPORAL_ADDRESS',
    },
  ]);
  const [first, second] = of('sockets');
  assert.equal(first!.result, 'ok');
  assert.match(first!.found, /^db1: channel .*qga\.sock is free \(owned by user \d+, mode \d+\)$/);
  assert.equal(second!.result, 'fail');
  assert.match(second!.found, /^db1: monitor .*ENOENT/);
  assert.deepEqual(
    of('journal').map(({ found }) => found),
    [`${directory}: no guest is owed a thaw`],
  );
  assert.match(of('repository')[0]!.found, /backups is not there$/);
  assert.match(of('scratch')[0]!.found, /: \d+\.\d [KMGTP]iB free$/);
});

test('a thaw that is owed past its lease fails, with what to do', async (t) => {
  const { env, directory } = await host(t);
  await owe(directory);
  const [finding] = (await examine(env)).of('journal');
  assert.equal(finding!.result, 'fail');
  assert.match(finding!.found, /^db1 is owed a thaw \(epoch 1, since .*\); its lease is over$/);
  assert.equal(finding!.wayOut, 'stillframe thaw --local');
});

test('a guest that the last sweep found frozen fails, and one that it could not ask is named', async (t) => {
  const { env, directory } = await host(t);
  assert.equal((await examine(env)).of('freezes')[0]!.result, 'warn');
  const sweptAt = new Date().toISOString();
  const report = { sweptAt, strays: [], unseen: [] };
  await writeFile(join(directory, 'sweep.json'), JSON.stringify(report));
  assert.equal((await examine(env)).of('freezes')[0]!.result, 'ok');
  const strays = [{ guest: 'db1-id', guestName: 'db1', foundAt: '2026-01-01T02:00:00.000Z', sweeps: 3 }];
  const unseen = [{ guestName: 'web', why: 'channel-held' }];
  await writeFile(join(directory, 'sweep.json'), JSON.stringify({ ...report, strays, unseen }));
  const { status, of } = await examine(env);
  const [stray, blind] = of('freezes');
  assert.equal(status, 1);
  assert.deepEqual([stray!.result, blind!.result], ['fail', 'warn']);
  assert.match(stray!.found, /^db1 is frozen by no window of this host \(found 2026-01-01T02:00:00/);
  assert.match(blind!.found, /web \(channel-held\)/);
});

test("a bad host's file is one of the findings, and the rest is examined", async (t) => {
  const { env, config } = await host(t);
  await writeFile(config, 'host: a\n');
  const { of } = await examine(env);
  const [finding] = of("host's file");
  assert.equal(finding!.result, 'fail');
  assert.match(finding!.found, /:1:1: guests: missing; expected a list of guests/);
  assert.equal(of('journal').length, 1);
  assert.equal(of('sockets').length, 0);
});

test('for people, a finding is one line, with what to do below it', async (t) => {
  const { env } = await host(t);
  const { stdout } = await runCli(['doctor'], env);
  assert.match(stdout, /^ok {4}node {8}v\d+/m);
  assert.match(stdout, /^fail {2}temporal {4}no server answers at 127\.0\.0\.1:1\n {18}→ start one with "stillframe up"/m);
});

test('thaw --local with nothing owed says so', async (t) => {
  const { env } = await host(t);
  assert.deepEqual(await runCli(['thaw', '--local'], env), {
    status: 0,
    stdout: 'This host owes no guest a thaw.\n',
    stderr: '',
  });
});

test('a repository that other users may enter is a warning, with the command that ends that', async (t) => {
  const { env, directory } = await host(t);
  const path = join(directory, 'backups');
  await createRepository(path);
  assert.equal((await examine(env)).of('repository')[0]!.result, 'ok');
  await chmod(path, 0o755);
  const [finding] = (await examine(env)).of('repository');
  assert.equal(finding!.result, 'warn');
  assert.match(finding!.wayOut!, new RegExp(`chmod -R go-rwx ${path}`));
});
