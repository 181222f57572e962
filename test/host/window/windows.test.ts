/** The whole window: whatever guest, agent, driver and journal do, it ends thawed, with an outcome that says what happened. */

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { StillframeError } from '../../../model/errors.ts';
import { answering, endless, garbage, late, never, twice, type Behaviour } from '../../fakes/fake-agent.ts';
import { gradePoint } from '../../../model/window/grading.ts';
import { diskAt, filesystems } from '../../fakes/fake-command.ts';
import {
  assertThawed,
  assertUntouched,
  freezes,
  db1,
  holdTransaction,
  onEither,
  refused,
  request,
  setStage,
  verdict,
  wire,
  type StageOptions,
} from './stage.ts';
import { backupId } from '../../../model/ids.ts';

/** Of a window that is to outlive it: long enough for the steps before, short enough to wait for. */
const shortLeaseMs = 1_000;

const clean = { thawedBy: 'window', closing: 'status-thawed', reasons: [], failure: null, point: true };

onEither(
  'a clean window tells what it froze and ends thawed; asked again, it tells the same and leaves the guest alone',
  async (t, kind) => {
    const stage = await setStage(t, { kind });
    const outcome = await stage.windows.freezeWindow(request);
    assert.deepEqual(verdict(outcome), clean);
    assert.equal(outcome.claim.frozenCount, 2);
    assert.equal(outcome.claim.thawedCount, 2);
    assert.equal(outcome.claim.frozenAfterPointInTime, true);
    assert.deepEqual(
      outcome.claim.filesystems.map(({ mountpoint }) => mountpoint),
      ['/data', '/logs'],
    );
    assert.deepEqual(outcome.disks, [{ name: 'disk0', device: 'd0', bytes: 1024 }]);
    assert.ok(Object.values(outcome.times).every((ms) => typeof ms === 'number'));
    await assertThawed(stage);
    assert.deepEqual(stage.driver.calls, ['prepare', 'begin']);

    const ran = stage.agent.ran.length;
    assert.deepEqual(await stage.windows.freezeWindow(request), outcome);
    assert.deepEqual(await stage.windows.outcome(request), outcome);
    assert.equal(stage.agent.ran.length, ran);
  },
);

onEither('the point in time is taken while the guest is frozen', async (t, kind) => {
  const { agent, driver, windows } = await setStage(t, { kind });
  let frozen = false;
  driver.begin = async () => void (frozen = agent.frozen);
  await windows.freezeWindow(request);
  assert.equal(frozen, true);
});

it('a call that is delivered twice joins the first, before the freeze and inside the window', async (t) => {
  const { agent, driver, windows } = await setStage(t);
  const transaction = holdTransaction(driver);
  const calls = [windows.freezeWindow(request), windows.freezeWindow(request)];
  await transaction.begun;
  calls.push(windows.freezeWindow(request));
  transaction.complete();
  const [first, ...others] = await Promise.all(calls);
  for (const other of others) assert.deepEqual(other, first);
  assert.equal(freezes(agent), 1);
});

it('another backup of a guest inside a window is refused, and names the one that has it', async (t) => {
  const { agent, driver, windows } = await setStage(t);
  const transaction = holdTransaction(driver);
  const running = windows.freezeWindow(request);
  await transaction.begun;
  const error = await refused(windows.freezeWindow({ ...request, backup: backupId('b-2') }), 'window-open');
  assert.equal(error.facts.backup, 'b-1');
  transaction.complete();
  assert.deepEqual(verdict(await running), clean);
  assert.equal(freezes(agent), 1);
});

onEither('a transaction that fails leaves a thawed guest, no point in time, and nothing prepared', async (t, kind) => {
  const stage = await setStage(t, { kind });
  stage.driver.begin = async () => {
    throw new StillframeError('point-in-time-failed', 'QEMU said no');
  };
  const outcome = await stage.windows.freezeWindow(request);
  assert.deepEqual(verdict(outcome), { ...clean, failure: 'point-in-time-failed', point: false });
  assert.equal(outcome.failure?.message, 'QEMU said no');
  assert.deepEqual(outcome.disks, []);
  assert.deepEqual(stage.driver.calls, ['prepare', 'begin', 'abandon']);
  await assertThawed(stage);
});

onEither('a transaction that hangs does not hold the thaw back, and its late success is not a point in time', async (t, kind) => {
  const stage = await setStage(t, { kind });
  const transaction = holdTransaction(stage.driver);
  const outcome = await stage.windows.freezeWindow({ ...request, leaseMs: shortLeaseMs });
  assert.deepEqual(verdict(outcome), { ...clean, thawedBy: 'lease', failure: 'lease-expired', point: false });
  assert.deepEqual(stage.driver.calls, ['prepare', 'begin', 'abandon']);
  await assertThawed(stage);
  transaction.complete();
  assert.deepEqual(await stage.windows.freezeWindow(request), outcome);
});

onEither('a freeze that is never answered is ended by the lease, and thawed on a new channel', async (t, kind) => {
  const stage = await setStage(t, { kind });
  stage.agent.behave(wire[kind].freeze, never);
  const outcome = await stage.windows.freezeWindow({ ...request, leaseMs: shortLeaseMs });
  assert.deepEqual(verdict(outcome), { ...clean, thawedBy: 'lease', failure: 'lease-expired', point: false });
  assert.deepEqual(stage.agent.ran.slice(-4), [wire[kind].freeze, 'guest-sync-delimited', wire[kind].thaw, wire[kind].status]);
  assert.deepEqual(stage.driver.calls, ['prepare', 'abandon']);
  await assertThawed(stage);
});

onEither('a freeze that is answered long after the lease is thawed all the same, and owed until then', async (t, kind) => {
  const stage = await setStage(t, { kind });
  const answer = Promise.withResolvers<void>();
  stage.agent.behave(wire[kind].freeze, late(answer.promise));
  const retried = stage.says('thaw not confirmed yet (attempt 2)');
  const sent = stage.agent.takesUp(wire[kind].freeze);
  const running = stage.windows.freezeWindow({ ...request, leaseMs: shortLeaseMs });
  await sent;
  stage.hurry = true;
  await retried;
  stage.hurry = false;
  assert.equal((await stage.windows.status(db1))?.backup, request.backup);
  assert.equal(stage.agent.frozen, true);
  answer.resolve();
  assert.deepEqual(verdict(await running), { ...clean, thawedBy: 'lease', failure: 'lease-expired', point: false });
  await assertThawed(stage);
});

for (const [what, behaviour, code] of [
  ['with rubbish', garbage, 'agent-garbled'],
  ['without end', endless, 'agent-too-large'],
  ['with a count that is none', answering('two'), 'agent-garbled'],
  ['that nothing was frozen', answering(0), 'freeze-nothing'],
] as const)
  it(`a freeze that is answered ${what} is thawed, and nothing is captured`, async (t) => {
    const stage = await setStage(t);
    stage.agent.behave('guest-fsfreeze-freeze', behaviour);
    const outcome = await stage.windows.freezeWindow(request);
    assert.deepEqual(verdict(outcome), { ...clean, failure: code, point: false });
    assert.deepEqual(stage.driver.calls, ['prepare', 'abandon']);
    await assertThawed(stage);
  });

onEither('a freeze that is answered twice is thawed, and its point in time is not trusted', async (t, kind) => {
  const stage = await setStage(t, { kind });
  stage.agent.behave(wire[kind].freeze, twice);
  assert.deepEqual(verdict(await stage.windows.freezeWindow(request)), { ...clean, reasons: ['freeze-not-held'] });
  await assertThawed(stage);
});

onEither('a guest that thawed itself before the proof keeps its point, with the reason', async (t, kind) => {
  const stage = await setStage(t, { kind });
  stage.driver.begin = async () => void (stage.agent.frozen = false);
  const outcome = await stage.windows.freezeWindow(request);
  assert.deepEqual(verdict(outcome), { ...clean, reasons: ['freeze-not-held', 'thaw-found 0 of 2'] });
  assert.deepEqual(stage.driver.calls, ['prepare', 'begin']);
});

it('a thaw that finds fewer filesystems than were frozen is reported', async (t) => {
  const { agent, windows } = await setStage(t);
  agent.behave('guest-fsfreeze-thaw', answering(1));
  assert.deepEqual(verdict(await windows.freezeWindow(request)), { ...clean, reasons: ['thaw-found 1 of 2'] });
});

it('a freeze that counts fewer filesystems than can be frozen is reported', async (t) => {
  const { agent, windows } = await setStage(t);
  agent.behave('guest-fsfreeze-freeze', answering(1));
  assert.deepEqual(verdict(await windows.freezeWindow(request)), { ...clean, reasons: ['mounts-not-frozen 1 of 2'] });
});

/** Stays frozen whatever the thaw did, for so many thaws; afterwards it is an ordinary agent. */
function stubborn(stage: Awaited<ReturnType<typeof setStage>>, thaws: number, behaviour: Behaviour): void {
  stage.agent.behave('guest-fsfreeze-thaw', (answer, send) => {
    stage.agent.frozen = true;
    if (--thaws === 0) {
      stage.agent.behave('guest-fsfreeze-thaw', undefined);
      stage.hurry = false;
    }
    return behaviour(answer, send);
  });
}

for (const [what, behaviour] of [
  ['is refused', (_, send) => void send('{"error": {"class": "GenericError", "desc": "no"}}\n')],
  ['is answered and did not help', (answer, send) => void send(answer)],
  ['is answered with rubbish', garbage],
  ['is never answered', never],
] as const satisfies [string, Behaviour][])
  it(`a thaw that ${what} is sent again until the guest says that it is thawed`, async (t) => {
    const stage = await setStage(t);
    stubborn(stage, 3, behaviour);
    stage.driver.begin = async () => void (stage.hurry = behaviour === never);
    assert.deepEqual(verdict(await stage.windows.freezeWindow(request)), clean);
    assert.equal(stage.agent.ran.filter((name) => name === 'guest-fsfreeze-thaw').length, 4);
    await assertThawed(stage);
  });

it('a thaw whose answer was lost leaves a doubt: the next one finds nothing to thaw', async (t) => {
  const stage = await setStage(t);
  stage.driver.begin = async () => void (stage.hurry = true);
  stage.agent.behave('guest-fsfreeze-thaw', () => {
    stage.agent.behave('guest-fsfreeze-thaw', undefined);
    stage.hurry = false;
  });
  assert.deepEqual(verdict(await stage.windows.freezeWindow(request)), { ...clean, reasons: ['thaw-found 0 of 2'] });
  await assertThawed(stage);
});

for (const event of ['stop', 'migration'] as const)
  onEither(`a ${event} inside the window thaws at once`, async (t, kind) => {
    const stage = await setStage(t, { kind });
    const transaction = holdTransaction(stage.driver);
    const running = stage.windows.freezeWindow(request);
    await transaction.begun;
    stage.driver.guestHas(event);
    assert.deepEqual(verdict(await running), { ...clean, thawedBy: 'event', failure: 'guest-stopped', point: false });
    assert.deepEqual(stage.driver.calls, ['prepare', 'begin', 'abandon']);
    await assertThawed(stage);
  });

onEither('a stop between the point in time and its proof keeps the point, with the reason', async (t, kind) => {
  const stage = await setStage(t, { kind });
  const asked = Promise.withResolvers<void>();
  stage.driver.begin = async () =>
    stage.agent.behave(wire[kind].status, () => {
      stage.agent.behave(wire[kind].status, undefined);
      asked.resolve();
    });
  const running = stage.windows.freezeWindow(request);
  await asked.promise;
  stage.driver.guestHas('stop');
  assert.deepEqual(verdict(await running), { ...clean, thawedBy: 'event', reasons: ['guest-event'] });
  await assertThawed(stage);
});

onEither('a guest that resumes, or a monitor that closes, does not end the window', async (t, kind) => {
  const stage = await setStage(t, { kind });
  const transaction = holdTransaction(stage.driver);
  const running = stage.windows.freezeWindow(request);
  await transaction.begun;
  stage.driver.guestHas('resume');
  stage.driver.guestHas('gone');
  transaction.complete();
  assert.deepEqual(verdict(await running), clean);
});

onEither('with the agent gone, a shutdown closes the window, and no weaker event does', async (t, kind) => {
  const stage = await setStage(t, { kind });
  const transaction = holdTransaction(stage.driver);
  const running = stage.windows.freezeWindow(request);
  await transaction.begun;
  await stage.agent.stop();
  stage.driver.guestHas('gone');
  stage.driver.guestHas('reset');
  const retried = stage.says('thaw not confirmed yet (attempt 2)');
  transaction.complete();
  await retried;
  assert.equal((await stage.windows.status(db1))?.epoch, 1);
  stage.driver.guestHas('shutdown');
  const outcome = await running;
  assert.deepEqual(verdict(outcome), {
    ...clean,
    thawedBy: 'event',
    closing: 'guest-shutdown',
    failure: 'guest-stopped',
    point: false,
  });
  assert.equal(await stage.windows.status(db1), null);
});

onEither(
  'a freeze that is on its way at a reset, and runs after the boot, is thawed before its window closes',
  async (t, kind) => {
    const stage = await setStage(t, { kind });
    const boot = Promise.withResolvers<void>();
    stage.agent.behave(wire[kind].freeze, late(boot.promise));
    const sent = stage.agent.takesUp(wire[kind].freeze);
    const running = stage.windows.freezeWindow(request);
    await sent;
    stage.hurry = true;
    const retried = stage.says('thaw not confirmed yet (attempt 2)');
    stage.driver.guestHas('reset');
    await retried;
    stage.hurry = false;
    assert.equal((await stage.windows.status(db1))?.backup, request.backup);
    boot.resolve();
    assert.deepEqual(verdict(await running), { ...clean, thawedBy: 'event', failure: 'guest-stopped', point: false });
    await assertThawed(stage);
  },
);

it('a guest without an agent is refused, and nothing is owed', async (t) => {
  const stage = await setStage(t, { absent: true });
  await refused(stage.windows.freezeWindow(request), 'agent-absent');
  await assertUntouched(stage);
});

it('a guest that is paused is refused before any freeze', async (t) => {
  const stage = await setStage(t);
  stage.driver.state = 'paused';
  await refused(stage.windows.freezeWindow(request), 'guest-not-running');
  await assertUntouched(stage);
});

it('a guest that is being migrated is refused before any freeze', async (t) => {
  const stage = await setStage(t);
  stage.driver.migrating = true;
  await refused(stage.windows.freezeWindow(request), 'guest-migrating');
  await assertUntouched(stage);
});

onEither('a guest that somebody else froze is refused and left as it is', async (t, kind) => {
  const stage = await setStage(t, { kind });
  stage.agent.frozen = true;
  await refused(stage.windows.freezeWindow(request), 'guest-frozen');
  await assertUntouched(stage);
  assert.equal(stage.agent.frozen, true);
});

it('a point in time that cannot be prepared is refused before any freeze', async (t) => {
  const { agent, driver, windows } = await setStage(t);
  driver.prepare = () => Promise.reject(new StillframeError('scratch-no-room', 'full'));
  await refused(windows.freezeWindow(request), 'scratch-no-room');
  assert.deepEqual(agent.ran, []);
});

it('a journal that cannot be written refuses before any freeze', async (t) => {
  const { agent, directory, driver, windows } = await setStage(t);
  await writeFile(join(directory, 'journal'), 'no directory');
  await refused(windows.freezeWindow(request), 'journal-unwritable');
  assert.equal(freezes(agent), 0);
  assert.deepEqual(driver.calls, ['prepare', 'abandon']);
});

for (const [what, options, leaseMs, code] of [
  ['a guest that carries something of ours', { carries: ['temporal'] }, undefined, 'guest-carries'],
  ['a lease above the cap', { limits: { leaseCapMs: 500 } }, 501, 'lease-too-long'],
] as const satisfies [string, StageOptions, number | undefined, string][])
  it(`${what} is refused before any freeze`, async (t) => {
    const stage = await setStage(t, options);
    await refused(stage.windows.freezeWindow(leaseMs === undefined ? request : { ...request, leaseMs }), code);
    await assertUntouched(stage);
  });

for (const [what, limits, code] of [
  ['sooner than the gap', { gapMs: 60_000 }, 'window-too-soon'],
  ['beyond the most for an hour', { perHour: 1 }, 'window-too-many'],
] as const)
  it(`a second window ${what} is refused, though the outcome of the first is still returned`, async (t) => {
    const { agent, windows } = await setStage(t, { limits });
    const outcome = await windows.freezeWindow(request);
    await refused(windows.freezeWindow({ ...request, backup: backupId('b-2') }), code);
    assert.deepEqual(await windows.freezeWindow(request), outcome);
    assert.equal(freezes(agent), 1);
  });

it('the windows of one guest get epochs that rise', async (t) => {
  const { windows } = await setStage(t);
  const first = await windows.freezeWindow(request);
  const second = await windows.freezeWindow({ ...request, backup: backupId('b-2') });
  assert.deepEqual([first.epoch, second.epoch], [1, 2]);
});

it('a backup that has a point in time gets no second one, whose window its copy would be committed with', async (t) => {
  const { windows, agent } = await setStage(t);
  await windows.freezeWindow(request);
  const error = await refused(windows.freezeWindow({ ...request, attempt: 2 }), 'input-invalid');
  assert.match(error.message, /has a point in time already/);
  assert.equal(freezes(agent), 1);
});

onEither('a host that ends lets a whole window finish, and opens no other', async (t, kind) => {
  const stage = await setStage(t, { kind });
  const transaction = holdTransaction(stage.driver);
  const running = stage.windows.freezeWindow(request);
  await transaction.begun;
  const drained = stage.windows.drain();
  await refused(stage.windows.freezeWindow({ ...request, backup: backupId('b-2') }), 'window-gone');
  transaction.complete();
  await drained;
  await assertThawed(stage);
  assert.deepEqual(verdict(await running), clean);
});

it('a guest that lists thousands of filesystems gets a window whose record is small and counts them', async (t) => {
  const stage = await setStage(t);
  const filesystems = Array.from({ length: 3_000 }, (_, at) => ({
    name: `vd${at}`,
    mountpoint: `/${'m'.repeat(100)}${at}`,
    type: 'ext4',
    disk: [diskAt(2)],
  }));
  stage.agent.behave('guest-get-fsinfo', answering(filesystems));
  const outcome = await stage.windows.freezeWindow(request);
  assert.ok(Buffer.byteLength(JSON.stringify(outcome)) < 128 * 1024);
  // The two that froze are counted against all of them.
  assert.deepEqual(outcome.reasons, [
    'mounts-not-frozen 2998 of 3000',
    `filesystems-cut ${outcome.claim.filesystems.length} of 3000`,
  ]);
  assert.deepEqual(await stage.windows.outcome(request), outcome);
});

for (const [what, places, reasons] of [
  ['lies on a disk that is left out', { captured: ['0000:00:02.0'], others: ['0000:00:03.0'] }, ['not-captured /logs vdb']],
  ['lies on a disk that QEMU does not name', { captured: ['0000:00:02.0', null], others: [] }, ['not-told /logs vdb']],
] as const)
  onEither(`a filesystem that ${what} is named by the point, whose freeze held all the same`, async (t, kind) => {
    const { driver, windows } = await setStage(t, { kind });
    driver.places = { captured: [...places.captured], others: [...places.others] };
    const { claim, ...outcome } = await windows.freezeWindow(request);
    assert.deepEqual(outcome.reasons, reasons);
    assert.equal(gradePoint({ claim, ...outcome }, []).grade, 'filesystem');
    assert.ok(
      claim.filesystems.every((each) => !('places' in each)),
      'the record holds the reasons only',
    );
  });

it('a filesystem of which the guest names no disk is told as such', async (t) => {
  const { agent, windows } = await setStage(t);
  const [first, second] = filesystems;
  agent.behave('guest-get-fsinfo', answering([first!, { ...second!, disk: [] }]));
  assert.deepEqual((await windows.freezeWindow(request)).reasons, ['not-told /logs vdb']);
});
