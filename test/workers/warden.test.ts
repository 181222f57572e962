/** Thawing without a host worker: from the journal and the channels alone, and by every process that may open the warden's socket. */

import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Intent } from '../../host/journal/intent.ts';
import { openJournal } from '../../host/journal/journal.ts';
import type { Log } from '../../lib/log.ts';
import { isAlive, nameOfThisProcess, type ProcessName } from '../../lib/process.ts';
import { runToEnd } from '../../lib/run.ts';
import type { AgentKind } from '../../model/window/window.ts';
import type { PursuedObligation } from '../../model/window/window.ts';
import { createObligations } from '../../workers/warden/pursue-obligations.ts';
import { askWarden, serveThaw } from '../../workers/warden/thaw-socket.ts';

import { late, startFakeAgent, type FakeAgent } from '../fakes/fake-agent.ts';
import { writeOldIntent } from '../host/journal/old-intent.ts';
import { onEither } from '../host/window/stage.ts';
import { backupId, guestId } from '../../model/ids.ts';
import { temporaryFolder } from '../support/folder.ts';
import { makeTemporary, startEntry } from './up-process.ts';
import { copiesOf } from '../host/journal/copies.ts';

const quiet: Log = () => {};
const all = () => true;
/** Longer than any thaw of a guest that answers: a pursuit that comes to it has failed. */
const longMs = 20_000;

async function stateDirectory(t: TestContext): Promise<string> {
  const directory = await temporaryFolder(t);
  return directory;
}

async function startAgent(t: TestContext, kind: AgentKind = 'qemu-ga'): Promise<FakeAgent> {
  const agent = await startFakeAgent({ own: kind === 'stillframe' });
  t.after(() => agent.stop());
  return agent;
}

async function frozenAgent(t: TestContext, kind: AgentKind = 'qemu-ga'): Promise<FakeAgent> {
  const agent = await startAgent(t, kind);
  agent.frozen = true;
  if (agent.own) agent.own.epoch = 1;
  return agent;
}

/** As the worker writes it before it freezes. */
function owe(stateDir: string, guest: string, agent: Pick<FakeAgent, 'address'>, kind: AgentKind = 'qemu-ga'): Promise<Intent> {
  return openJournal({ stateDir }).begin({
    guest: guestId(guest),
    guestName: `name of ${guest}`,
    backup: backupId('b-1'),
    attempt: 1,
    leaseMs: 5000,
    channel: agent.address,
    claim: {
      agent: kind,
      version: '11.1.3',
      filesystems: [],
      frozenCount: null,
      thawedCount: null,
      frozenAfterPointInTime: false,
    },
  });
}

interface Holder {
  process: ChildProcess;
  ended: Promise<unknown[]>;
}

/** A process of its own that holds the frozen guest's channel. */
async function startHolder(t: TestContext, stateDir: string, guest: string, agent: FakeAgent): Promise<Holder> {
  const process = fork(join(import.meta.dirname, 'holder-main.ts'), [stateDir, guest, agent.path]);
  const ended = once(process, 'exit');
  t.after(async () => {
    process.kill('SIGKILL');
    await ended;
  });
  const failed = ended.then(() => assert.fail('it ended before it held the channel'));
  await Promise.race([once(process, 'message'), failed]);
  failed.catch(() => {});
  return { process, ended };
}

/** What such a process leaves when it dies. */
async function oweByDead(t: TestContext, stateDir: string, guest: string, agent: FakeAgent): Promise<void> {
  const { process, ended } = await startHolder(t, stateDir, guest, agent);
  process.kill('SIGKILL');
  await ended;
}

function pursuer(t: TestContext, stateDir: string) {
  const journal = openJournal({ stateDir });
  const obligations = createObligations(journal, quiet);
  t.after(() => obligations.stop());
  return { journal, obligations };
}

onEither('a guest of a dead worker is thawed, and the outcome names that worker and who thawed', async (t, kind) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t, kind);
  const intent = await owe(stateDir, 'db1', agent, kind);
  const { journal, obligations } = pursuer(t, stateDir);
  const [pursuit] = await obligations.pursue(all, 'warden', longMs);
  assert.equal(agent.frozen, false);
  assert.equal(agent.ran.includes('guest-fsfreeze-thaw'), kind === 'qemu-ga');
  assert.deepEqual([pursuit?.guest, pursuit?.guestName, pursuit?.epoch], ['db1', 'name of db1', 1]);
  const outcome = pursuit!.outcome!;
  assert.deepEqual([outcome.thawedBy, outcome.closing, outcome.claim.thawedCount], ['warden', 'status-thawed', 2]);
  assert.equal(outcome.failure?.code, 'window-lost');
  assert.match(outcome.failure.message, new RegExp(`pid ${intent.pid}`));
  assert.deepEqual(await journal.outcome(intent), outcome);
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
  assert.deepEqual(await obligations.pursue(all, 'warden', longMs), []);
});

onEither('a guest of a worker of an older version is thawed by the socket paths in its journal', async (t, kind) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t, kind);
  const key = { guest: guestId('db1'), backup: backupId('b-1'), attempt: 1, agent: kind };
  await writeOldIntent(join(stateDir, 'journal'), { ...key, channel: join(stateDir, 'gone.sock'), otherChannel: agent.path });
  const { journal, obligations } = pursuer(t, stateDir);
  const [pursuit] = await obligations.pursue(all, 'warden', longMs);
  assert.equal(agent.frozen, false);
  assert.deepEqual([pursuit?.outcome?.thawedBy, pursuit?.outcome?.closing], ['warden', 'status-thawed']);
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
});

it('a guest that a living worker holds is left alone', async (t) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t);
  const intent = await owe(stateDir, 'db1', agent);
  const { journal, obligations } = pursuer(t, stateDir);
  assert.deepEqual(await obligations.pursue(({ pid }) => pid !== intent.pid, 'warden', longMs), []);
  assert.deepEqual(agent.ran, []);
  assert.deepEqual((await journal.openIntents()).intents, [intent]);
});

it('a guest that does not answer does not delay others, and is pursued beyond the wait until it is thawed', async (t) => {
  const stateDir = await stateDirectory(t);
  const [agent, stubborn] = [await frozenAgent(t), await frozenAgent(t)];
  await owe(stateDir, 'db1', agent);
  const owed = await owe(stateDir, 'db2', stubborn);
  const answer = Promise.withResolvers<void>();
  stubborn.behave('guest-fsfreeze-thaw', late(answer.promise));
  const { journal, obligations } = pursuer(t, stateDir);

  const thawing = stubborn.takesUp('guest-fsfreeze-thaw');
  const answered = obligations.pursue(({ guest }) => guest === 'db2', 'warden', longMs);
  await thawing;
  const [other] = await obligations.pursue(({ guest }) => guest === 'db1', 'operator', longMs);
  assert.equal(other?.outcome?.closing, 'status-thawed');
  // The second pursuit joins the first, and waits no longer than its limit.
  const [waited] = await obligations.pursue(all, 'operator', 100);
  assert.deepEqual([waited?.guest, waited?.outcome], ['db2', null]);
  assert.deepEqual((await journal.intentOf(guestId('db2')))?.epoch, owed.epoch);

  answer.resolve();
  assert.equal((await answered)[0]?.outcome?.thawedBy, 'warden');
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
  assert.deepEqual([agent.frozen, stubborn.frozen], [false, false]);
});

it('two pursuers of one guest with the same journal get the same outcome', async (t) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t);
  const intent = await owe(stateDir, 'db1', agent);
  const [one, other] = [pursuer(t, stateDir), pursuer(t, stateDir)];
  const both = await Promise.all([one, other].map(({ obligations }) => obligations.pursue(all, 'warden', longMs)));
  const outcome = await one.journal.outcome(intent);
  assert.equal(outcome?.claim.thawedCount, 2);
  for (const [pursuit] of both) assert.deepEqual(pursuit?.outcome, outcome);
  assert.equal(agent.frozen, false);
});

it('a pursuit that is stopped leaves what is owed in the journal', async (t) => {
  const stateDir = await stateDirectory(t);
  const intent = await owe(stateDir, 'db1', { address: { kind: 'socket', path: join(stateDir, 'no-such-socket') } });
  const { journal, obligations } = pursuer(t, stateDir);
  const pursuit = obligations.pursue(all, 'warden', longMs);
  obligations.stop();
  assert.equal((await pursuit)[0]?.outcome, null);
  assert.deepEqual((await journal.openIntents()).intents, [intent]);
});

async function served(t: TestContext, stateDir: string, thaw: () => Promise<PursuedObligation[]>): Promise<Server> {
  const server = await serveThaw(stateDir, thaw);
  t.after(() => server.close());
  return server;
}

it('the warden’s socket is for its user alone, and answers with what was thawed', async (t) => {
  const stateDir = await stateDirectory(t);
  const pursuit: PursuedObligation = { guest: guestId('db1'), guestName: 'db', epoch: 7, outcome: null };
  await served(t, stateDir, async () => [pursuit]);
  assert.equal((await stat(join(stateDir, 'warden.sock'))).mode & 0o777, 0o600);
  assert.deepEqual(await askWarden(stateDir), [pursuit]);
});

it('a second warden on the same state directory is refused, and the first continues', async (t) => {
  const stateDir = await stateDirectory(t);
  await served(t, stateDir, async () => []);
  const second = serveThaw(stateDir, async () => assert.fail('the second one answered'));
  await assert.rejects(second, { code: 'input-invalid', message: /--state/ });
  assert.deepEqual(await askWarden(stateDir), []);
});

it('the socket of a warden that was killed does not stop the next', async (t) => {
  const stateDir = await stateDirectory(t);
  const script = `import { createServer } from 'node:net';
    createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'));`;
  await runToEnd([process.execPath, '--input-type=module', '-e', script, join(stateDir, 'warden.sock')]);
  assert.ok((await stat(join(stateDir, 'warden.sock'))).isSocket());
  assert.equal(await askWarden(stateDir), null);
  await served(t, stateDir, async () => []);
  assert.deepEqual(await askWarden(stateDir), []);
});

it('a warden whose thaw fails, or that is not there, answers nothing, so that the caller acts itself', async (t) => {
  const stateDir = await stateDirectory(t);
  assert.equal(await askWarden(stateDir), null);
  await served(t, stateDir, () => Promise.reject(new Error('the disk is gone')));
  assert.equal(await askWarden(stateDir), null);
});

/** `stillframe thaw --local` as its own process. */
async function thawLocal(stateDir: string): Promise<{ status: number | null; pursuits: PursuedObligation[] }> {
  const entry = join(import.meta.dirname, '../../workers/thaw-local.ts');
  const { status, stdout } = await runToEnd([process.execPath, entry, '--state', stateDir]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { status, pursuits: lines.map((line) => JSON.parse(line) as PursuedObligation) };
}

it('thaw --local acts alone from the journal when no warden answers', async (t) => {
  const stateDir = await stateDirectory(t);
  const [one, other] = [await startAgent(t), await startAgent(t)];
  await oweByDead(t, stateDir, 'db1', one);
  await oweByDead(t, stateDir, 'db2', other);
  const { status, pursuits } = await thawLocal(stateDir);
  assert.equal(status, 0);
  assert.deepEqual(new Set(pursuits.map(({ guest }) => guest)), new Set(['db1', 'db2']));
  for (const { outcome } of pursuits) assert.deepEqual([outcome?.thawedBy, outcome?.closing], ['operator', 'status-thawed']);
  assert.deepEqual([one.frozen, other.frozen], [false, false]);
  assert.deepEqual(await openJournal({ stateDir }).openIntents(), { intents: [], damaged: [] });
});

for (const how of ['stopped', 'alive'] as const)
  it(`thaw --local without a warden ends the worker that holds the channel and is ${how}, and thaws`, async (t) => {
    const stateDir = await stateDirectory(t);
    const agent = await startAgent(t);
    const holder = await startHolder(t, stateDir, 'db1', agent);
    if (how === 'stopped') holder.process.kill('SIGSTOP');
    const { status, pursuits } = await thawLocal(stateDir);
    assert.deepEqual([status, pursuits[0]?.outcome?.thawedBy, agent.frozen], [0, 'operator', false]);
    assert.deepEqual(await holder.ended, [null, 'SIGKILL']);
  });

for (const [what, forge] of [
  ['another start', (holder) => ({ ...holder, ticks: '1' })],
  ['another boot', (holder) => ({ ...holder, boot: 'another' })],
  ['another process table', (holder) => ({ ...holder, table: '1' })],
  ['no proof at all', () => undefined],
] as const satisfies [string, (holder: ProcessName) => ProcessName | undefined][])
  it(`a process that the journal names as holder with ${what} is not touched`, async (t) => {
    const stateDir = await stateDirectory(t);
    const agent = await startAgent(t);
    const holder = await startHolder(t, stateDir, 'db1', agent);
    const { journal, obligations } = pursuer(t, stateDir);
    const intent = (await journal.intentOf(guestId('db1')))!;
    for (const path of copiesOf(stateDir, 'db1'))
      await writeFile(path, JSON.stringify({ ...intent, holder: forge(intent.holder!) }));
    const [pursuit] = await obligations.pursue(all, 'warden', 500);
    assert.equal(pursuit?.outcome, null);
    assert.deepEqual([holder.process.exitCode, holder.process.signalCode], [null, null]);
    holder.process.kill('SIGKILL');
    assert.equal((await obligations.pursue(all, 'warden', longMs))[0]?.outcome?.closing, 'status-thawed');
  });

it('thaw --local reports a guest whose debt cannot be read, does not call it a success, and thaws the others', async (t) => {
  const stateDir = await stateDirectory(t);
  const [one, other] = [await startAgent(t), await startAgent(t)];
  await oweByDead(t, stateDir, 'db1', one);
  await oweByDead(t, stateDir, 'db2', other);
  const damaged = copiesOf(stateDir, 'db1');
  for (const path of damaged) await writeFile(path, '{}');
  const { status, pursuits } = await thawLocal(stateDir);
  assert.equal(status, 1);
  assert.deepEqual(pursuits.find(({ guest }) => guest === 'db1')?.damaged, damaged);
  assert.equal(pursuits.find(({ guest }) => guest === 'db2')?.outcome?.closing, 'status-thawed');
  assert.deepEqual([one.frozen, other.frozen], [true, false]);
});

for (const lost of [0, 1])
  it(`thaw --local thaws by the other copy when ${['the file under journal/', 'the file under owed/'][lost]} is damaged`, async (t) => {
    const stateDir = await stateDirectory(t);
    const agent = await startAgent(t);
    await oweByDead(t, stateDir, 'db1', agent);
    await writeFile(copiesOf(stateDir, 'db1')[lost]!, '');
    const { status, pursuits } = await thawLocal(stateDir);
    assert.deepEqual([status, pursuits[0]?.outcome?.closing, agent.frozen], [0, 'status-thawed', false]);
  });

it('thaw --local acts from the journal of an older version as well', async (t) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t);
  await writeOldIntent(join(stateDir, 'journal'), {
    guest: guestId('db1'),
    backup: backupId('b-1'),
    attempt: 1,
    agent: 'qemu-ga',
    channel: agent.path,
  });
  const { status, pursuits } = await thawLocal(stateDir);
  assert.deepEqual([status, pursuits[0]?.outcome?.closing, agent.frozen], [0, 'status-thawed', false]);
});

it('thaw --local with nothing owed prints nothing and succeeds', async (t) => {
  assert.deepEqual(await thawLocal(await stateDirectory(t)), { status: 0, pursuits: [] });
});

it('thaw --local leaves the thaw to the warden that answers, and reports what it could not confirm', async (t) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t);
  await owe(stateDir, 'db1', agent);
  const pursuit: PursuedObligation = { guest: guestId('db1'), guestName: 'db', epoch: 1, outcome: null };
  await served(t, stateDir, async () => [pursuit]);
  assert.deepEqual(await thawLocal(stateDir), { status: 1, pursuits: [pursuit] });
  assert.deepEqual(agent.ran, []);
});

it('a warden refuses a state directory that other users can write, with the command that ends that', async () => {
  await using undo = new AsyncDisposableStack();
  const state = await makeTemporary(undo);
  await chmod(state, 0o777);
  const { status, stderr } = await startEntry(undo, 'warden.ts', ['--config', join(state, 'host.yaml'), '--state', state]).ended;
  assert.equal(status, 2, stderr);
  assert.match(stderr, new RegExp(`can be written by other users: run "chmod go-w ${state}"`));
});

it('a warden reports each damaged file of the journal once, however often it looks', async () => {
  await using undo = new AsyncDisposableStack();
  const state = await makeTemporary(undo);
  const config = join(state, 'host.yaml');
  const sockets = `channel: ${state}/qga.sock, monitor: ${state}/qmp.sock`;
  await writeFile(config, `host: lab\nguests: [{ name: db1, ${sockets} }]\nscratch: { path: ${state}/scratch }\n`);
  const damage = async (guest: string) => {
    await mkdir(join(state, 'journal', guest), { recursive: true });
    await writeFile(join(state, 'journal', guest, 'open.json'), '{');
    return join(guest, 'open.json cannot be read');
  };
  const first = await damage('g1');
  const warden = startEntry(undo, 'warden.ts', ['--config', config, '--state', state, '--address', '127.0.0.1:1']);
  await warden.printed(first);
  const second = await damage('g2');
  await warden.printed(second);
  const { stderr } = await warden.stop();
  assert.equal(stderr.split(first).length - 1, 1);
});

it('a warden whose worker can never serve stays until every guest is thawed, and ends then with the worker’s status', async (t) => {
  await using undo = new AsyncDisposableStack();
  const state = await makeTemporary(undo);
  const config = join(state, 'host.yaml');
  await writeFile(config, 'host: lab\n');
  const agent = await startAgent(t);
  await oweByDead(t, state, 'db1', agent);
  const answer = Promise.withResolvers<void>();
  agent.behave('guest-fsfreeze-thaw', late(answer.promise));
  const warden = startEntry(undo, 'warden.ts', ['--config', config, '--state', state]);
  await warden.printed('the warden stays until they are thawed');
  answer.resolve();
  const { status } = await warden.ended;
  assert.deepEqual([status, agent.frozen], [2, false]);
});

it('a worker ends with its warden, however that ends, and even when it is stopped', async () => {
  await using undo = new AsyncDisposableStack();
  const state = await makeTemporary(undo);
  const config = join(state, 'host.yaml');
  const sockets = `channel: ${state}/qga.sock, monitor: ${state}/qmp.sock`;
  await writeFile(config, `host: lab\nguests: [{ name: db1, ${sockets} }]\nscratch: { path: ${state}/scratch }\n`);
  for (const stops of [false, true]) {
    const warden = startEntry(undo, 'warden.ts', ['--config', config, '--state', state, '--address', '127.0.0.1:1']);
    const worker = await workerOf(warden.child.pid!);
    if (stops) process.kill(worker.pid, 'SIGSTOP');
    warden.child.kill('SIGKILL');
    await warden.ended;
    while (isAlive(worker)) await delay(20);
  }
});

/** Once it runs as itself: what starts it is the same process before. */
async function workerOf(warden: number): Promise<ProcessName> {
  for (;;) {
    const [pid] = (await readFile(`/proc/${warden}/task/${warden}/children`, 'utf8').catch(() => '')).split(' ');
    const argv = pid ? (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0') : [];
    if (argv[0] === process.execPath) {
      const ticks = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)!.split(' ')[19]!;
      return { ...nameOfThisProcess(), pid: Number(pid), ticks };
    }
    await delay(20);
  }
}
