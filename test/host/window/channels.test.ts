/** A guest with two channels: ours is preferred, the classic one steps in, and neither is evidence of what waits in the other. */

import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { ping } from '../../../protocol/agent/commands/guest-ping.ts';
import { never } from '../../fakes/fake-agent.ts';
import { assertThawed, freezes, db1, request, setStage, verdict, wire, type Kind } from './stage.ts';

const clean = { thawedBy: 'window', closing: 'status-thawed', reasons: [], failure: null, point: true };
const lost = { ...clean, thawedBy: 'workflow', failure: 'window-lost', point: false };
const sync = 'guest-sync-delimited';

/** `kind`: who answers on the classic channel; ours is on the second. */
async function twoChannels(t: TestContext, kind: Kind = 'qemu-ga') {
  const stage = await setStage(t, { kind, second: true });
  return { ...stage, stage, classic: stage.agent, second: stage.second! };
}

it('a window and a question go through our own channel, and leave the classic one to others', async (t) => {
  const { classic, second, windows } = await twoChannels(t);
  assert.deepEqual(verdict(await windows.freezeWindow(request)), clean);
  await windows.withChannel(db1, (channel) => channel.execute(ping, undefined));
  assert.equal(freezes(second), 1);
  assert.deepEqual(classic.ran, []);
});

it('where nobody answers on our own channel the classic one is used, and the journal says so', async (t) => {
  const { stage, classic, second, journal, windows } = await twoChannels(t);
  second.behave(sync, never);
  stage.hurry = true;
  await windows.freeze(request);
  const intent = await journal.intentOf(db1);
  assert.deepEqual([intent?.channel, intent?.otherChannel, intent?.claim.agent], [classic.address, undefined, 'qemu-ga']);
  const outcome = await windows.thaw(request);
  assert.deepEqual(verdict(outcome), { ...clean, failure: 'window-lost', point: false });
  assert.equal(freezes(second), 0);
  await assertThawed(stage);
});

it('where our own channel is not there the classic one is used', async (t) => {
  const { classic, second, windows } = await twoChannels(t);
  await second.stop();
  assert.deepEqual(verdict(await windows.freezeWindow(request)), clean);
  assert.equal(freezes(classic), 1);
});

it('a thaw that our own channel does not answer is demanded on the other, and is no evidence while a freeze may wait in the first', async (t) => {
  const { stage, classic, second, windows } = await twoChannels(t);
  second.behave(sync, never);
  classic.frozen = true;
  stage.hurry = true;
  await owe(stage, 'stillframe');
  const again = classic.takesUp(wire['qemu-ga'].thaw).then(() => classic.takesUp(wire['qemu-ga'].thaw));
  const settled = windows.ensureThawed(db1, 'workflow');
  await again;
  assert.equal(classic.frozen, false);
  assert.notEqual(await windows.status(db1), null);
  second.behave(sync, undefined);
  assert.deepEqual(verdict((await settled).outcome!), lost);
});

it('an agent on the other channel that tells how the epoch ended is evidence', async (t) => {
  const { stage, classic, second, windows } = await twoChannels(t, 'stillframe');
  second.behave(sync, never);
  classic.frozen = true;
  classic.own!.epoch = 1;
  stage.hurry = true;
  await owe(stage, 'stillframe');
  assert.deepEqual(verdict((await windows.ensureThawed(db1, 'workflow')).outcome!), lost);
  await assertThawed(stage);
});

it('with our own channel gone, the other one is evidence: nothing waits in a socket that nobody holds', async (t) => {
  const { stage, classic, second, windows } = await twoChannels(t);
  await second.stop();
  classic.frozen = true;
  await owe(stage, 'stillframe');
  assert.deepEqual(verdict((await windows.ensureThawed(db1, 'workflow')).outcome!), lost);
  await assertThawed(stage);
});

/** A process froze through the second channel, and died. */
function owe({ journal, agent, second }: Awaited<ReturnType<typeof setStage>>, kind: Kind) {
  const claim = {
    agent: kind,
    version: '1',
    filesystems: [],
    frozenCount: null,
    thawedCount: null,
    frozenAfterPointInTime: false,
  };
  return journal.begin({
    ...request,
    guestName: 'db',
    leaseMs: 20_000,
    channel: second!.address,
    otherChannel: agent.address,
    claim,
  });
}
