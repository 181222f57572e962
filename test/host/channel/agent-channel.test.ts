/** What the channel makes of agents that answer late, twice, never, without end or with rubbish, and of sockets that are not theirs. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { link } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { openAgentChannel, type AgentChannelOptions } from '../../../host/channel/agent-channel.ts';
import { isStillframeError, type ErrorCode, type StillframeError } from '../../../model/errors.ts';
import { fsfreezeFreeze } from '../../../protocol/agent/commands/guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from '../../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { fsfreezeThaw } from '../../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { getFsinfo } from '../../../protocol/agent/commands/guest-get-fsinfo.ts';
import { shutdown } from '../../../protocol/agent/commands/guest-shutdown.ts';
import { ping } from '../../../protocol/agent/commands/guest-ping.ts';
import { quickMs } from '../../../protocol/agent/limits.ts';
import {
  answering,
  endless,
  garbage,
  late,
  never,
  refusing,
  startFakeAgent,
  twice,
  type Behaviour,
  type FakeAgentOptions,
} from '../../fakes/fake-agent.ts';
import { temporaryFolder } from '../../support/folder.ts';

/** For answers that never come: what is waited for is the time-out itself. */
const soonMs = 100;

async function agentFor(t: TestContext, options?: FakeAgentOptions) {
  const agent = await startFakeAgent(options);
  t.after(() => agent.stop());
  return agent;
}

async function channelTo(t: TestContext, options: AgentChannelOptions) {
  const channel = await openAgentChannel(options);
  t.after(() => channel.close());
  return channel;
}

/** The StillframeError with this code that `outcome` fails with. */
async function failure(outcome: Promise<unknown>, code: ErrorCode): Promise<StillframeError> {
  const error: unknown = await outcome.then(
    (value) => assert.fail(`wanted ${code}, got the value ${String(value)}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(isStillframeError(error, code), `wanted ${code}, got ${String(error)}`);
  return error;
}

it('a late answer is reported with the command, and the channel is closed', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-ping', never);
  const channel = await channelTo(t, { path: agent.path });
  const error = await failure(channel.execute(ping, undefined, { timeoutMs: soonMs }), 'agent-timed-out');
  assert.match(error.message, /guest-ping within 100 ms/);
  await failure(channel.execute(fsfreezeStatus, undefined), 'channel-closed');
});

it('an answer that comes after its time-out does not reach the next client', async (t) => {
  const agent = await agentFor(t);
  const thaw = Promise.withResolvers<void>();
  agent.behave('guest-fsfreeze-thaw', late(thaw.promise));
  const first = await channelTo(t, { path: agent.path });
  await failure(first.execute(fsfreezeThaw, undefined, { timeoutMs: soonMs }), 'agent-timed-out');
  const second = channelTo(t, { path: agent.path });
  thaw.resolve();
  assert.equal(await (await second).execute(fsfreezeStatus, undefined), 'thawed');
});

it('a sync that is answered while its silence is being explained opens a channel that stays open', async (t) => {
  const agent = await agentFor(t);
  const answer = Promise.withResolvers<void>();
  agent.behave('guest-sync-delimited', late(answer.promise));
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const opening = channelTo(t, { path: agent.path });
  await agent.takesUp('guest-sync-delimited');
  t.mock.timers.tick(quickMs);
  answer.resolve();
  const channel = await opening;
  for (let time = 0; time < 50; time++) await channel.execute(ping, undefined);
});

/** An agent that is killed has read what was sent to it, and another one takes its place. */
const losing = (times: number): Behaviour => {
  let left = times;
  return (answer, send) => void (left-- <= 0 && send(answer));
};

it('a sync that was lost with the agent that read it is sent again on the same connection', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-sync-delimited', losing(1));
  const channel = await channelTo(t, { path: agent.path });
  assert.equal(await channel.execute(fsfreezeStatus, undefined), 'thawed');
  assert.equal(agent.connections, 1);
});

it('a thaw that was lost with the agent that read it fails when its successor answers, long before its time-out', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-fsfreeze-thaw', losing(1));
  const channel = await channelTo(t, { path: agent.path });
  const error = await failure(channel.execute(fsfreezeThaw, undefined, { timeoutMs: 3_600_000 }), 'channel-closed');
  assert.match(error.message, /answers, but not guest-fsfreeze-thaw/);
});

it('a thaw that takes long is waited for, and what was asked meanwhile disturbs no later command', async (t) => {
  const agent = await agentFor(t);
  const thaw = Promise.withResolvers<void>();
  agent.behave('guest-fsfreeze-thaw', late(thaw.promise));
  agent.frozen = true;
  const channel = await channelTo(t, { path: agent.path });
  const asked = agent.receives('guest-sync-delimited', 3);
  const thawed = channel.execute(fsfreezeThaw, undefined);
  await asked;
  thaw.resolve();
  assert.equal(await thawed, 2);
  for (let time = 0; time < 20; time++) assert.equal(await channel.execute(fsfreezeStatus, undefined), 'thawed');
});

it('a freeze is waited for and nothing is sent behind it: it must not be sent again', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-fsfreeze-freeze', never);
  const channel = await channelTo(t, { path: agent.path });
  await failure(channel.execute(fsfreezeFreeze, undefined, { timeoutMs: 1_200 }), 'agent-timed-out');
  assert.equal(agent.ran.at(-1), 'guest-fsfreeze-freeze');
});

it('an answer that comes twice is taken once, and the channel is closed', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-fsfreeze-freeze', twice);
  const channel = await channelTo(t, { path: agent.path });
  assert.equal(await channel.execute(fsfreezeFreeze, undefined), 2);
  await failure(channel.execute(fsfreezeStatus, undefined), 'channel-closed');
});

it('an answer that is not a reply is reported, and the channel is closed', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-ping', garbage);
  const channel = await channelTo(t, { path: agent.path });
  await failure(channel.execute(ping, undefined), 'agent-garbled');
  await failure(channel.execute(ping, undefined), 'channel-closed');
});

for (const [what, value] of [
  ['another type', 'two'],
  ['a negative count', -1],
] as const)
  it(`an answer of the wrong shape is reported: ${what}`, async (t) => {
    const agent = await agentFor(t);
    agent.behave('guest-fsfreeze-thaw', answering(value));
    const channel = await channelTo(t, { path: agent.path });
    const error = await failure(channel.execute(fsfreezeThaw, undefined), 'agent-garbled');
    assert.equal(error.facts.command, 'guest-fsfreeze-thaw');
    await failure(channel.execute(ping, undefined), 'channel-closed');
  });

it('an answer without end is cut off at the limit of its command, and the next client is served', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-ping', endless);
  const channel = await channelTo(t, { path: agent.path });
  const error = await failure(channel.execute(ping, undefined), 'agent-too-large');
  assert.deepEqual(error.facts, { path: agent.path, command: 'guest-ping', maxReplyBytes: 4096 });
  const next = await channelTo(t, { path: agent.path });
  assert.equal(await next.execute(fsfreezeStatus, undefined), 'thawed');
});

const filesystem = { name: 'vda1', mountpoint: '/data', type: 'ext4', disk: [] };

it('an answer below the limit of its command is taken, and does not count against the next', async (t) => {
  const agent = await agentFor(t);
  const filesystems = Array.from({ length: 4096 }, () => ({ ...filesystem, mountpoint: `/${'x'.repeat(150)}` }));
  agent.behave('guest-get-fsinfo', answering(filesystems));
  const channel = await channelTo(t, { path: agent.path });
  for (let round = 0; round < 3; round += 1) assert.equal((await channel.execute(getFsinfo, undefined)).length, 4096);
});

for (const [what, filesystems, said] of [
  ['too many entries', Array.from({ length: 4097 }, () => filesystem), /return must have at most 4096 entries/],
  ['a text that is too long', [{ ...filesystem, mountpoint: 'x'.repeat(4097) }], /mountpoint must have at most 4096 characters/],
] as const)
  it(`an answer with ${what} is refused by name`, async (t) => {
    const agent = await agentFor(t);
    agent.behave('guest-get-fsinfo', answering(filesystems.map((each) => ({ ...each }))));
    const channel = await channelTo(t, { path: agent.path });
    assert.match((await failure(channel.execute(getFsinfo, undefined), 'agent-garbled')).message, said);
  });

it('a long answer that an earlier client left behind its own sync does not keep the next client out', async (t) => {
  const leftover = `\xff{"return": 5}\n{"return": "${'x'.repeat(2 ** 20)}"}\n[${'0,'.repeat(2 ** 20)}`;
  const agent = await agentFor(t, { leftover: Buffer.from(leftover, 'latin1') });
  const channel = await channelTo(t, { path: agent.path });
  assert.equal(await channel.execute(fsfreezeStatus, undefined), 'thawed');
});

it('the text of a refusal is cut and escaped where it is read', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-ping', refusing(`\u001b[2Jgone\n${'x'.repeat(3_000)}`));
  const channel = await channelTo(t, { path: agent.path });
  const error = await failure(channel.execute(ping, undefined), 'agent-refused');
  const shown = `\\x1b[2Jgone\\x0a${'x'.repeat(391)}…`;
  assert.equal(error.facts.desc, shown);
  assert.equal(error.message, `the agent refused guest-ping: ${shown}`);
});

it('bytes that an earlier client left in the port are skipped', async (t) => {
  const leftover =
    '{"return": {}}\n{"error": {"class": "GenericError", "desc": "old"}}\n<junk>\xff{"return": 5}\n{"return": "half';
  const agent = await agentFor(t, { leftover: Buffer.from(leftover, 'latin1') });
  const channel = await channelTo(t, { path: agent.path });
  assert.equal(await channel.execute(fsfreezeStatus, undefined), 'thawed');
});

it('a refusal is reported with class and text, and the channel stays open', async (t) => {
  const agent = await agentFor(t);
  agent.frozen = true;
  const channel = await channelTo(t, { path: agent.path });
  const error = await failure(channel.execute(fsfreezeFreeze, undefined), 'agent-refused');
  assert.deepEqual(error.facts, {
    command: 'guest-fsfreeze-freeze',
    class: 'CommandNotFound',
    desc: 'Command guest-fsfreeze-freeze has been disabled: the command is not allowed',
  });
  assert.equal(await channel.execute(fsfreezeStatus, undefined), 'frozen');
});

it('a channel reports when a command leaves, before its answer', async (t) => {
  const agent = await agentFor(t);
  const answer = Promise.withResolvers<void>();
  agent.behave('guest-ping', late(answer.promise));
  const channel = await channelTo(t, { path: agent.path });
  const sent = Promise.withResolvers<void>();
  const executed = channel.execute(ping, undefined, { onSent: sent.resolve });
  await sent.promise;
  answer.resolve();
  await executed;
});

it('the end of QEMU in the middle of a command leaves its outcome unknown', async (t) => {
  const agent = await startFakeAgent();
  agent.behave('guest-fsfreeze-freeze', never);
  const channel = await channelTo(t, { path: agent.path });
  const taken = agent.takesUp('guest-fsfreeze-freeze');
  const outcome = failure(channel.execute(fsfreezeFreeze, undefined), 'channel-closed');
  await taken;
  await agent.stop();
  assert.equal((await outcome).kind, 'interrupted');
});

it('a channel that is closed in the middle of a command fails that command', async (t) => {
  const agent = await agentFor(t);
  agent.behave('guest-ping', never);
  const channel = await channelTo(t, { path: agent.path });
  const outcome = failure(channel.execute(ping, undefined), 'channel-closed');
  channel.close();
  await outcome;
});

it('a guest without an agent is distinguished from a channel that is held', async (t) => {
  const agent = await agentFor(t, { absent: true });
  const error = await failure(openAgentChannel({ path: agent.path, timeoutMs: soonMs }), 'agent-absent');
  assert.match(error.message, /qemu-guest-agent/);
});

it('a channel that another program holds is reported, though that program sends nothing', async (t) => {
  const agent = await agentFor(t, { absent: true, leftover: 'for whoever is served' });
  const holder = createConnection(agent.path);
  t.after(() => holder.destroy());
  await once(holder, 'data');
  const error = await failure(openAgentChannel({ path: agent.path, timeoutMs: soonMs }), 'channel-held');
  assert.equal(error.facts.path, agent.path);
  // This process is the holder: named by its id and its command.
  assert.match(error.message, new RegExp(`\\(process ${process.pid}, \\S*node`));
});

it('a guest without an agent is reported as such, though others wait for its channel behind us', async (t) => {
  const agent = await agentFor(t, { absent: true });
  const outcome = failure(openAgentChannel({ path: agent.path, timeoutMs: soonMs }), 'agent-absent');
  await agent.served;
  const other = createConnection(agent.path);
  other.on('error', () => {});
  t.after(() => other.destroy());
  await outcome;
});

it('a command that answers only when it fails succeeds without an answer, and the channel is closed', async (t) => {
  const agent = await agentFor(t);
  const channel = await channelTo(t, { path: agent.path });
  assert.equal(await channel.execute(shutdown, { mode: 'powerdown' }, { timeoutMs: soonMs }), undefined);
  assert.deepEqual(agent.ran, ['guest-sync-delimited', 'guest-shutdown']);
  await failure(channel.execute(ping, undefined), 'channel-closed');
});

it('a command that answers only when it fails reports its failure', async (t) => {
  const agent = await agentFor(t);
  agent.frozen = true;
  const channel = await channelTo(t, { path: agent.path });
  await failure(channel.execute(shutdown, { mode: 'powerdown' }), 'agent-refused');
  await channel.execute(ping, undefined);
});

it('a channel for which others wait already cannot be reached, and says why', async (t) => {
  const agent = await agentFor(t);
  await channelTo(t, { path: agent.path });
  // Behind the one that is served, a backlog of one takes two: listen(2) on Linux counts from zero.
  for (let others = 0; others < 2; others += 1) {
    const other = createConnection(agent.path);
    // Its end comes with the fake's.
    other.on('error', () => {});
    t.after(() => other.destroy());
    await once(other, 'connect');
  }
  const error = await failure(openAgentChannel({ path: agent.path, timeoutMs: soonMs }), 'channel-unreachable');
  assert.deepEqual(error.facts, { path: agent.path, errno: 'EAGAIN' });
  assert.match(error.message, /other clients are waiting/);
});

it('a socket that does not exist, or without a listener, is reported with its path and what to do', async (t) => {
  const directory = await temporaryFolder(t);
  const missing = await failure(openAgentChannel({ path: join(directory, 'none') }), 'channel-unreachable');
  assert.deepEqual(missing.facts, { path: join(directory, 'none'), errno: 'ENOENT' });
  assert.match(missing.message, /is the guest running/);

  const gone = join(directory, 'gone');
  await abandonedSocket(gone);
  const refused = await failure(openAgentChannel({ path: gone }), 'channel-unreachable');
  assert.equal(refused.facts.errno, 'ECONNREFUSED');
  assert.match(refused.message, /guest has ended/);
});

/** The file of a socket whose listener has gone without removing it: libuv removes the name that was bound, not a second one. */
async function abandonedSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.bound`);
  await once(server, 'listening');
  await link(`${path}.bound`, path);
  server.close();
  await once(server, 'close');
}
