/** Windows on our agent: what it tells beyond a count is checked, its lease bounds the freeze, and only our own epoch is thawed. */

import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { gradePoint } from '../../../model/window/grading.ts';
import { answering, never, type Behaviour, type FakeAgent } from '../../fakes/fake-agent.ts';
import { expire, restart } from '../../fakes/own-commands.ts';
import { assertThawed, db1, refused, request, setStage, verdict, wire, type Stage } from './stage.ts';

const clean = { thawedBy: 'window', closing: 'status-thawed', reasons: [], failure: null, point: true };
const { freeze, status, thaw } = wire.stillframe;
const plainThaw = wire['qemu-ga'].thaw;

const ownStage = (t: TestContext) => setStage(t, { kind: 'stillframe' });

/** Called at the point in time: the next status is the proof. `meanwhile` happens once it is answered. */
function atProof(agent: FakeAgent, meanwhile: () => void, how: Behaviour = (answer, send) => void send(answer)): void {
  agent.behave(status, (answer, send) => {
    agent.behave(status, undefined);
    meanwhile();
    return how(answer, send);
  });
}

it('the outcome keeps boot, epoch, every filesystem, and how long the guest says that it was held', async (t) => {
  const { agent, windows } = await ownStage(t);
  const { bootId } = agent.own!;
  const { epoch, claim } = await windows.freezeWindow(request);
  assert.deepEqual([claim.agent, epoch], ['stillframe', 1]);
  assert.deepEqual(claim.filesystems, [
    { mountpoint: '/data', type: 'ext4', device: 'vda', outcome: 'frozen' },
    { mountpoint: '/logs', type: 'xfs', device: 'vdb', outcome: 'frozen' },
  ]);
  assert.deepEqual(claim.lease, { bootId, epochAtProof: 1, hooks: [], thawHooks: [], heldMs: 12, leaseFired: false });
  assert.ok(!agent.ran.some((name) => name.startsWith('guest-fsfreeze')));
});

it('the lease inside the guest ends a quarter of a second after the host’s own, so that the host thaws first and says why', async (t) => {
  const { agent, windows } = await ownStage(t);
  const leaseMs = 2_000;
  const { remainingMs } = await windows.freeze({ ...request, leaseMs });
  const asked = agent.own!.leaseMs!;
  assert.ok(asked >= remainingMs + 250 && asked <= leaseMs + 250, `asked for ${asked} ms`);
  const outcome = await windows.thaw(request);
  assert.equal(outcome.claim.lease?.leaseFired, false);
});

for (const [what, meanwhile, reasons, thawedBy] of [
  ['whose lease ended in the guest', ({ agent }) => expire(agent), ['lease-expired'], 'guest'],
  ['whose guest started again', ({ agent }) => restart(agent), ['guest-restarted'], 'window'],
  [
    'that holds one mount point less',
    ({ agent }) =>
      atProof(
        agent,
        () => {},
        answering({ 'boot-id': agent.own!.bootId, state: 'frozen', epoch: 1, held: ['/data'], foreign: [] }),
      ),
    ['mount-not-frozen /logs'],
    'window',
  ],
] as const satisfies [string, (stage: Stage) => void, string[], string][])
  it(`a freeze ${what} at the proof keeps its point, with the reason`, async (t) => {
    const stage = await ownStage(t);
    stage.driver.begin = async () => meanwhile(stage);
    const outcome = await stage.windows.freezeWindow(request);
    assert.deepEqual(verdict(outcome), { ...clean, thawedBy, reasons });
    assert.equal(outcome.claim.frozenAfterPointInTime, false);
    assert.equal(gradePoint(outcome, []).grade, 'crash-atomic');
    await assertThawed(stage);
  });

it('a lease that ends after the proof is reported, and lowers no grade', async (t) => {
  const { agent, driver, windows } = await ownStage(t);
  driver.begin = async () => atProof(agent, () => expire(agent));
  const outcome = await windows.freezeWindow(request);
  assert.deepEqual(verdict(outcome), { ...clean, thawedBy: 'guest' });
  assert.equal(outcome.claim.lease?.leaseFired, true);
});

it('a guest that restarts after the proof is reported', async (t) => {
  const { agent, driver, windows } = await ownStage(t);
  driver.begin = async () => atProof(agent, () => restart(agent));
  assert.deepEqual(verdict(await windows.freezeWindow(request)), { ...clean, reasons: ['guest-restarted'] });
});

it('a filesystem that somebody thawed behind the agent’s back is found at the thaw', async (t) => {
  const { agent, windows } = await ownStage(t);
  agent.own!.lost = ['/logs'];
  assert.deepEqual(verdict(await windows.freezeWindow(request)), { ...clean, reasons: ['thaw-found 1 of 2'] });
});

it('a thaw whose answer was lost leaves no doubt, because the agent reports again how the epoch ended', async (t) => {
  const stage = await ownStage(t);
  stage.driver.begin = async () => void (stage.hurry = true);
  stage.agent.behave(thaw, (...answer) => {
    stage.agent.behave(thaw, undefined);
    stage.hurry = false;
    return never(...answer);
  });
  assert.deepEqual(verdict(await stage.windows.freezeWindow(request)), clean);
  await assertThawed(stage);
});

for (const [what, outcome, reason] of [
  ['that somebody else has frozen', 'foreign', 'mount-frozen-by-other /logs'],
  ['that the agent cannot reach', 'unreachable', 'mount-not-frozen /logs'],
  ['that cannot be frozen and is no boot partition', 'not-freezable', 'mount-not-frozen /logs'],
] as const)
  it(`a filesystem ${what} lowers the grade by its name`, async (t) => {
    const { agent, windows } = await ownStage(t);
    agent.own!.outcomes = { '/logs': outcome };
    const window = await windows.freezeWindow(request);
    assert.deepEqual(verdict(window), { ...clean, reasons: [reason] });
    assert.equal(gradePoint(window, []).grade, 'crash-atomic');
  });

it('an agent that answers with another epoch is refused, and nothing is captured', async (t) => {
  const stage = await ownStage(t);
  stage.agent.behave(
    freeze,
    answering({ 'boot-id': stage.agent.own!.bootId, epoch: 9, remaining: 1, filesystems: [], hooks: [] }),
  );
  const outcome = await stage.windows.freezeWindow(request);
  assert.deepEqual(verdict(outcome), { ...clean, failure: 'agent-garbled', point: false });
  await assertThawed(stage);
});

it('a freeze that froze nothing at all fails', async (t) => {
  const stage = await ownStage(t);
  stage.agent.own!.outcomes = { '/data': 'foreign', '/logs': 'foreign' };
  await refused(stage.windows.freeze(request), 'freeze-nothing');
  await assertThawed(stage);
});

for (const [what, meanwhile] of [
  ['a later epoch', { epoch: 7 }],
  ['the plain freeze of another client, under a lease of its own,', { epoch: undefined }],
] as const)
  it(`${what} that is found at the thaw is left alone, and the thaw stays owed until it has ended`, async (t) => {
    const stage = await ownStage(t);
    const { agent, driver, windows } = stage;
    driver.begin = async () => void Object.assign(agent.own!, meanwhile);
    const asked = agent.takesUp(thaw).then(() => agent.takesUp(thaw));
    const running = windows.freezeWindow(request);
    await asked;
    assert.equal(agent.frozen, true);
    assert.equal((await windows.status(db1))?.epoch, 1);
    agent.frozen = false;
    assert.deepEqual(verdict(await running), { ...clean, reasons: ['epoch-changed', 'thaw-unanswered'] });
    assert.ok(!agent.ran.includes(plainThaw));
    await assertThawed(stage);
  });

const refusing: Behaviour = (_, send) => void send('{"error": {"class": "GenericError", "desc": "no"}}\n');

for (const [what, meanwhile] of [
  ['that another one has replaced', (agent) => void (agent.own = undefined)],
  [
    'that has lost its epoch and has no lease either',
    (agent) => void Object.assign(agent.own!, { epoch: undefined, remaining: undefined }),
  ],
  [
    'that cannot undo what it holds',
    (agent) =>
      agent.behave(thaw, (answer, send) => {
        agent.frozen = true;
        agent.own!.epoch = 1;
        return refusing(answer, send);
      }),
  ],
] as const satisfies [string, (agent: FakeAgent) => void][])
  it(`an agent ${what} is thawed by the plain command`, async (t) => {
    const stage = await ownStage(t);
    const { agent, driver, windows } = stage;
    driver.begin = async () => atProof(agent, () => meanwhile(agent));
    const outcome = await windows.freezeWindow(request);
    assert.deepEqual(verdict(outcome), clean);
    assert.equal(outcome.claim.thawedCount, 2);
    assert.equal(agent.ran.filter((name) => name === plainThaw).length, 1);
    await assertThawed(stage);
  });

it('an agent that does not allow one of our commands is a stock one', async (t) => {
  const { agent, windows } = await ownStage(t);
  agent.own!.blocked = [thaw];
  const { claim, reasons } = await windows.freezeWindow(request);
  assert.deepEqual([claim.agent, claim.lease, reasons], ['qemu-ga', undefined, []]);
});
