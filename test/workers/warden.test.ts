/** Thawing without a host worker: from the journal and the channels alone, and by whoever may open the warden's socket. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { openJournal, type Intent } from '../../host/journal/journal.ts';
import type { Log } from '../../lib/log.ts';
import { runToEnd } from '../../lib/run.ts';
import type { AgentKind } from '../../host/window/peer.ts';
import { createOrphans, type Pursuit } from '../../workers/warden/pursue-obligations.ts';
import { askWarden, serveThaw } from '../../workers/warden/thaw-socket.ts';

import { late, startFakeAgent, type FakeAgent } from '../fakes/fake-agent.ts';
import { onEither } from '../host/window/stage.ts';

const quiet: Log = () => {};
const all = () => true;
/** Longer than any thaw of a guest that answers: a pursuit that comes to it has failed. */
const longMs = 20_000;

async function stateDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sf-warden-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

async function frozenAgent(t: TestContext, kind: AgentKind = 'qemu-ga'): Promise<FakeAgent> {
  const agent = await startFakeAgent({ own: kind === 'stillframe' });
  t.after(() => agent.stop());
  agent.frozen = true;
  if (agent.own) agent.own.epoch = 1;
  return agent;
}

/** As the worker writes it before it freezes. */
function owe(stateDir: string, guest: string, channel: string, kind: AgentKind = 'qemu-ga'): Promise<Intent> {
  return openJournal(join(stateDir, 'journal')).begin({
    guest,
    guestName: `name of ${guest}`,
    backup: 'b-1',
    attempt: 1,
    leaseMs: 5000,
    channel,
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

function pursuer(t: TestContext, stateDir: string) {
  const journal = openJournal(join(stateDir, 'journal'));
  const orphans = createOrphans(journal, quiet);
  t.after(() => orphans.stop());
  return { journal, orphans };
}

onEither('what a dead worker left is thawed, and its outcome names it and who thawed', async (t, kind) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t, kind);
  const intent = await owe(stateDir, 'db1', agent.path, kind);
  const { journal, orphans } = pursuer(t, stateDir);
  const [pursuit] = await orphans.pursue(all, 'warden', longMs);
  assert.equal(agent.frozen, false);
  assert.equal(agent.ran.includes('guest-fsfreeze-thaw'), kind === 'qemu-ga');
  assert.deepEqual([pursuit?.guest, pursuit?.guestName, pursuit?.epoch], ['db1', 'name of db1', 1]);
  const outcome = pursuit!.outcome!;
  assert.deepEqual([outcome.thawedBy, outcome.closing, outcome.claim.thawedCount], ['warden', 'status-thawed', 2]);
  assert.equal(outcome.failure?.code, 'window-lost');
  assert.match(outcome.failure.message, new RegExp(`pid ${intent.pid}`));
  assert.deepEqual(await journal.outcome(intent), outcome);
  assert.deepEqual(await journal.open(), { intents: [], damaged: [] });
  assert.deepEqual(await orphans.pursue(all, 'warden', longMs), []);
});

it('what a living worker holds is left alone', async (t) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t);
  const intent = await owe(stateDir, 'db1', agent.path);
  const { journal, orphans } = pursuer(t, stateDir);
  assert.deepEqual(await orphans.pursue(({ pid }) => pid !== intent.pid, 'warden', longMs), []);
  assert.deepEqual(agent.ran, []);
  assert.deepEqual((await journal.open()).intents, [intent]);
});

it('a guest that does not answer holds up no other, and is pursued beyond the wait until it is thawed', async (t) => {
  const stateDir = await stateDirectory(t);
  const [agent, stubborn] = [await frozenAgent(t), await frozenAgent(t)];
  await owe(stateDir, 'db1', agent.path);
  const owed = await owe(stateDir, 'db2', stubborn.path);
  const answer = Promise.withResolvers<void>();
  stubborn.behave('guest-fsfreeze-thaw', late(answer.promise));
  const { journal, orphans } = pursuer(t, stateDir);

  const thawing = stubborn.takesUp('guest-fsfreeze-thaw');
  const answered = orphans.pursue(({ guest }) => guest === 'db2', 'warden', longMs);
  await thawing;
  const [other] = await orphans.pursue(({ guest }) => guest === 'db1', 'operator', longMs);
  assert.equal(other?.outcome?.closing, 'status-thawed');
  // The second pursuit joins the first, and waits no longer than it was told.
  const [waited] = await orphans.pursue(all, 'operator', 100);
  assert.deepEqual([waited?.guest, waited?.outcome], ['db2', null]);
  assert.deepEqual((await journal.openFor('db2'))?.epoch, owed.epoch);

  answer.resolve();
  assert.equal((await answered)[0]?.outcome?.thawedBy, 'warden');
  assert.deepEqual(await journal.open(), { intents: [], damaged: [] });
  assert.deepEqual([agent.frozen, stubborn.frozen], [false, false]);
});

it('two who pursue the same guest from the same journal both learn the one outcome', async (t) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t);
  const intent = await owe(stateDir, 'db1', agent.path);
  const [one, other] = [pursuer(t, stateDir), pursuer(t, stateDir)];
  const both = await Promise.all([one, other].map(({ orphans }) => orphans.pursue(all, 'warden', longMs)));
  const outcome = await one.journal.outcome(intent);
  assert.equal(outcome?.claim.thawedCount, 2);
  for (const [pursuit] of both) assert.deepEqual(pursuit?.outcome, outcome);
  assert.equal(agent.frozen, false);
});

it('a pursuit that is stopped leaves what is owed in the journal', async (t) => {
  const stateDir = await stateDirectory(t);
  const intent = await owe(stateDir, 'db1', join(stateDir, 'no-such-socket'));
  const { journal, orphans } = pursuer(t, stateDir);
  const pursuit = orphans.pursue(all, 'warden', longMs);
  orphans.stop();
  assert.equal((await pursuit)[0]?.outcome, null);
  assert.deepEqual((await journal.open()).intents, [intent]);
});

async function served(t: TestContext, stateDir: string, thaw: () => Promise<Pursuit[]>): Promise<Server> {
  const server = await serveThaw(stateDir, thaw);
  t.after(() => server.close());
  return server;
}

it('the warden’s socket is for nobody but its user, and answers with what was thawed', async (t) => {
  const stateDir = await stateDirectory(t);
  const pursuit: Pursuit = { guest: 'db1', guestName: 'db', epoch: 7, outcome: null };
  await served(t, stateDir, async () => [pursuit]);
  assert.equal((await stat(join(stateDir, 'warden.sock'))).mode & 0o777, 0o600);
  assert.deepEqual(await askWarden(stateDir), [pursuit]);
});

it('a second warden on the same state directory is refused, and the first goes on', async (t) => {
  const stateDir = await stateDirectory(t);
  await served(t, stateDir, async () => []);
  const second = serveThaw(stateDir, async () => assert.fail('the second one answered'));
  await assert.rejects(second, { code: 'input-invalid', message: /--state/ });
  assert.deepEqual(await askWarden(stateDir), []);
});

it('the socket of a warden that was killed is no obstacle to the next', async (t) => {
  const stateDir = await stateDirectory(t);
  const script = `import { createServer } from 'node:net';
    createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'));`;
  await runToEnd([process.execPath, '--input-type=module', '-e', script, join(stateDir, 'warden.sock')]);
  assert.ok((await stat(join(stateDir, 'warden.sock'))).isSocket());
  assert.equal(await askWarden(stateDir), null);
  await served(t, stateDir, async () => []);
  assert.deepEqual(await askWarden(stateDir), []);
});

it('a warden whose thaw fails, or that is not there, answers nothing: the caller acts itself', async (t) => {
  const stateDir = await stateDirectory(t);
  assert.equal(await askWarden(stateDir), null);
  await served(t, stateDir, () => Promise.reject(new Error('the disk is gone')));
  assert.equal(await askWarden(stateDir), null);
});

/** `stillframe thaw --local` as its own process. */
async function thawLocal(stateDir: string): Promise<{ status: number | null; pursuits: Pursuit[] }> {
  const entry = join(import.meta.dirname, '../../workers/thaw-local.ts');
  const { status, stdout } = await runToEnd([process.execPath, entry, '--state', stateDir]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { status, pursuits: lines.map((line) => JSON.parse(line) as Pursuit) };
}

it('thaw --local acts alone from the journal when no warden answers', async (t) => {
  const stateDir = await stateDirectory(t);
  const [one, other] = [await frozenAgent(t), await frozenAgent(t)];
  await owe(stateDir, 'db1', one.path);
  await owe(stateDir, 'db2', other.path);
  const { status, pursuits } = await thawLocal(stateDir);
  assert.equal(status, 0);
  assert.deepEqual(new Set(pursuits.map(({ guest }) => guest)), new Set(['db1', 'db2']));
  for (const { outcome } of pursuits) assert.deepEqual([outcome?.thawedBy, outcome?.closing], ['operator', 'status-thawed']);
  assert.deepEqual([one.frozen, other.frozen], [false, false]);
  assert.deepEqual(await openJournal(join(stateDir, 'journal')).open(), { intents: [], damaged: [] });
});

it('thaw --local with nothing owed says nothing and succeeds', async (t) => {
  assert.deepEqual(await thawLocal(await stateDirectory(t)), { status: 0, pursuits: [] });
});

it('thaw --local leaves the thaw to the warden that answers, and tells what it could not confirm', async (t) => {
  const stateDir = await stateDirectory(t);
  const agent = await frozenAgent(t);
  await owe(stateDir, 'db1', agent.path);
  const pursuit: Pursuit = { guest: 'db1', guestName: 'db', epoch: 1, outcome: null };
  await served(t, stateDir, async () => [pursuit]);
  assert.deepEqual(await thawLocal(stateDir), { status: 1, pursuits: [pursuit] });
  assert.deepEqual(agent.ran, []);
});
