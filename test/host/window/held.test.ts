/** The held window: freeze, snapshot and thaw come as calls of their own, and whichever of them is missing, the guest is thawed. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { it, type TestContext } from 'node:test';
import { writeJson } from '../../../lib/durable.ts';
import { run } from '../../../lib/run.ts';
import { fsfreezeStatus } from '../../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { ping } from '../../../protocol/agent/commands/guest-ping.ts';
import { answering, late, never } from '../../fakes/fake-agent.ts';
import { writeOldIntent } from '../journal/old-intent.ts';
import {
  assertThawed,
  dieInsideWindow,
  freezes,
  holdTransaction,
  db1,
  onEither,
  refused,
  request,
  setStage,
  verdict,
  wire,
  type Stage,
} from './stage.ts';
import { backupId } from '../../../model/ids.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { copiesOf } from '../journal/copies.ts';

const unlimited = new AbortController().signal;
const clean = { thawedBy: 'window', closing: 'status-thawed', reasons: [], failure: null, point: true };
const nothingTaken = { ...clean, failure: 'window-lost', point: false };

/** Of a window that is to outlive it: long enough for the steps before, short enough to wait for. */
const shortLeaseMs = 2_000;

const shell = (script: string, ...args: string[]) => ['sh', '-c', script, 'sh', ...args];

/** A command that does not end by itself. `life` opens the pipe that it has open: it says a word there, and ends when the command is dead. */
async function slowCommand(t: TestContext) {
  const directory = await temporaryFolder(t);
  const pipe = join(directory, 'life');
  await run(['mkfifo', pipe]);
  return { argv: shell('exec 3>"$1"; echo up >&3; exec sleep 1000', pipe), life: () => createReadStream(pipe) };
}

onEither('the outcome of freeze, snapshot and thaw carries the reference that the command printed', async (t, kind) => {
  const stage = await setStage(t, {
    kind,
    snapshots: { zfs: shell('echo "tank/vm@$STILLFRAME_BACKUP of $STILLFRAME_GUEST"; echo more') },
  });
  const held = await stage.windows.freeze(request);
  assert.deepEqual([held.epoch, held.frozenCount, held.leaseMs], [1, 2, 20_000]);
  assert.ok(held.remainingMs > 0 && held.remainingMs <= held.leaseMs);
  assert.equal(stage.agent.frozen, true);
  assert.deepEqual(await stage.windows.snapshot(request, 'zfs', unlimited), { reference: 'tank/vm@b-1 of db1' });
  const outcome = await stage.windows.thaw(request);
  assert.deepEqual(verdict(outcome), clean);
  assert.equal(outcome.reference, 'tank/vm@b-1 of db1');
  assert.deepEqual(stage.driver.calls, []);
  await assertThawed(stage);
  const ran = stage.agent.ran.length;
  assert.deepEqual(await stage.windows.thaw(request), outcome);
  assert.equal(stage.agent.ran.length, ran);
});

it('a snapshot command gets the names of its window in its environment, and nothing else of the worker', async (t) => {
  process.env.STILLFRAME_SECRET = 'of the worker';
  t.after(() => delete process.env.STILLFRAME_SECRET);
  const { windows } = await setStage(t, {
    snapshots: { env: shell(`env | cut -d= -f1 | grep -v '^_$\\|^PWD$\\|^SHLVL$' | sort | xargs`) },
  });
  await windows.freeze(request);
  const { reference } = await windows.snapshot(request, 'env', unlimited);
  assert.equal(reference, 'LANG PATH STILLFRAME_BACKUP STILLFRAME_GUEST');
  await windows.thaw(request);
});

it('a second freeze of the same window joins it, while it is sent and while it is held', async (t) => {
  const { agent, windows } = await setStage(t);
  const [first, second] = await Promise.all([windows.freeze(request), windows.freeze(request)]);
  const third = await windows.freeze(request);
  assert.deepEqual([second.epoch, third.epoch], [first.epoch, first.epoch]);
  assert.ok(third.remainingMs < first.remainingMs);
  assert.equal(freezes(agent), 1);
  await windows.thaw(request);
});

it('a freeze of a window that has ended does not freeze again', async (t) => {
  const { agent, windows } = await setStage(t);
  await windows.freeze(request);
  await windows.thaw(request);
  await refused(windows.freeze(request), 'window-gone');
  assert.equal(freezes(agent), 1);
});

it('a freeze that froze nothing fails, and its window is over', async (t) => {
  const stage = await setStage(t);
  stage.agent.behave('guest-fsfreeze-freeze', answering(0));
  await refused(stage.windows.freeze(request), 'freeze-nothing');
  await assertThawed(stage);
  assert.deepEqual(verdict((await stage.windows.outcome(request))!), { ...nothingTaken, failure: 'freeze-nothing' });
});

it('a snapshot command that fails is reported with its output, and the window stays open for the thaw', async (t) => {
  const stage = await setStage(t, { snapshots: { broken: shell('echo "no pool" >&2; exit 3') } });
  await stage.windows.freeze(request);
  const error = await refused(stage.windows.snapshot(request, 'broken', unlimited), 'snapshot-failed');
  assert.match(error.message, /status 3 and said: no pool/);
  assert.equal(stage.agent.frozen, true);
  assert.deepEqual(verdict(await stage.windows.thaw(request)), nothingTaken);
  await assertThawed(stage);
});

it('a snapshot command that does not exist is reported', async (t) => {
  const { windows } = await setStage(t, { snapshots: { gone: ['/nonexistent/snapshot'] } });
  await windows.freeze(request);
  assert.match(
    (await refused(windows.snapshot(request, 'gone', unlimited), 'snapshot-failed')).message,
    /nonexistent\/snapshot: No such file/,
  );
  await windows.thaw(request);
});

it('a snapshot command does not run before the guest has confirmed its freeze', async (t) => {
  const stage = await setStage(t, { snapshots: { zfs: shell('echo tank/vm@x') } });
  const answer = Promise.withResolvers<void>();
  stage.agent.behave('guest-fsfreeze-freeze', late(answer.promise));
  const taken = stage.agent.takesUp('guest-fsfreeze-freeze');
  const freeze = stage.windows.freeze(request);
  await taken;
  await refused(stage.windows.snapshot(request, 'zfs', unlimited), 'window-open');
  answer.resolve();
  await freeze;
  assert.equal((await stage.windows.thaw(request)).reference, null);
});

it('a whole window takes no snapshot of a command beside its own, and keeps its own proof', async (t) => {
  const stage = await setStage(t, { snapshots: { zfs: shell('echo tank/vm@x') } });
  const transaction = holdTransaction(stage.driver);
  const window = stage.windows.freezeWindow(request);
  await transaction.begun;
  await refused(stage.windows.snapshot(request, 'zfs', unlimited), 'window-open');
  transaction.complete();
  const outcome = await window;
  assert.deepEqual([outcome.reference, outcome.claim.frozenAfterPointInTime], [null, true]);
});

it('a held window has one snapshot: a repeated call gets it, and another command is refused', async (t) => {
  const stage = await setStage(t, { snapshots: { zfs: shell('echo "tank/vm@$$"'), lvm: ['true'] } });
  await stage.windows.freeze(request);
  const first = await stage.windows.snapshot(request, 'zfs', unlimited);
  assert.deepEqual(await stage.windows.snapshot(request, 'zfs', unlimited), first);
  const error = await refused(stage.windows.snapshot(request, 'lvm', unlimited), 'window-open');
  assert.match(error.message, /has its snapshot already, by the command zfs/);
  await stage.windows.thaw(request);
});

it('a snapshot that the host’s file does not name is refused with the names that it has', async (t) => {
  const { windows } = await setStage(t, { snapshots: { zfs: ['true'], lvm: ['true'] } });
  await windows.freeze(request);
  assert.match((await refused(windows.snapshot(request, 'btrfs', unlimited), 'snapshot-unknown')).message, /zfs, lvm/);
  await windows.thaw(request);
});

it('a snapshot command that outlives the lease is killed, and the guest thawed', async (t) => {
  const slow = await slowCommand(t);
  const stage = await setStage(t, { snapshots: { slow: slow.argv } });
  await stage.windows.freeze({ ...request, leaseMs: shortLeaseMs });
  const life = slow.life();
  await refused(stage.windows.snapshot(request, 'slow', unlimited), 'lease-expired');
  await text(life);
  const outcome = await stage.windows.thaw(request);
  assert.deepEqual(verdict(outcome), { ...nothingTaken, thawedBy: 'lease', failure: 'lease-expired' });
  await assertThawed(stage);
});

it('a snapshot whose caller gives up is killed, and the window stays open for the thaw', async (t) => {
  const slow = await slowCommand(t);
  const stage = await setStage(t, { snapshots: { slow: slow.argv } });
  await stage.windows.freeze(request);
  const caller = new AbortController();
  const snapshot = refused(stage.windows.snapshot(request, 'slow', caller.signal), 'snapshot-failed');
  const life = slow.life();
  await once(life, 'readable');
  caller.abort();
  await snapshot;
  await text(life);
  assert.equal(stage.agent.frozen, true);
  assert.deepEqual(verdict(await stage.windows.thaw(request)), nothingTaken);
});

for (const [what, by] of [
  ['an operator', 'operator'],
  ['a workflow', 'workflow'],
] as const)
  it(`a snapshot command whose window ${what} ends is killed, and its caller learns that the window was lost`, async (t) => {
    const slow = await slowCommand(t);
    const stage = await setStage(t, { snapshots: { slow: slow.argv } });
    await stage.windows.freeze(request);
    const snapshot = refused(stage.windows.snapshot(request, 'slow', unlimited), 'window-lost');
    const life = slow.life();
    await once(life, 'readable');
    const report = await stage.windows.ensureThawed(db1, by);
    assert.match((await snapshot).message, new RegExp(`guest db was ended by ${by} before`));
    await text(life);
    assert.deepEqual(verdict(report.outcome!), { ...nothingTaken, thawedBy: by });
    await assertThawed(stage);
  });

it('a snapshot command that runs when its host ends is killed, and its caller learns that the window was lost', async (t) => {
  const slow = await slowCommand(t);
  const stage = await setStage(t, { snapshots: { slow: slow.argv } });
  await stage.windows.freeze(request);
  const snapshot = refused(stage.windows.snapshot(request, 'slow', unlimited), 'window-lost');
  const life = slow.life();
  await once(life, 'readable');
  await stage.windows.drain();
  await snapshot;
  await text(life);
  await assertThawed(stage);
});

onEither('a held window without a thaw is thawed by its lease, and its outcome says so', async (t, kind) => {
  const stage = await setStage(t, { kind, snapshots: { zfs: ['true'] } });
  const thawed = stage.agent.takesUp(wire[kind].thaw);
  await stage.windows.freeze({ ...request, leaseMs: shortLeaseMs });
  await thawed;
  assert.deepEqual(verdict(await stage.windows.thaw(request)), { ...nothingTaken, thawedBy: 'lease', failure: 'lease-expired' });
  assert.match((await refused(stage.windows.snapshot(request, 'zfs', unlimited), 'window-gone')).message, /ended by lease/);
  await assertThawed(stage);
});

onEither('a held window whose guest stops is thawed at once', async (t, kind) => {
  const stage = await setStage(t, { kind });
  await stage.windows.freeze(request);
  stage.driver.guestHas('stop');
  assert.deepEqual(verdict(await stage.windows.thaw(request)), {
    ...nothingTaken,
    thawedBy: 'event',
    failure: 'guest-stopped',
  });
  await assertThawed(stage);
});

it('thaw and snapshot of a window that never was are refused by name', async (t) => {
  const { agent, windows } = await setStage(t, { snapshots: { zfs: ['true'] } });
  await refused(windows.thaw(request), 'window-gone');
  await refused(windows.snapshot(request, 'zfs', unlimited), 'window-gone');
  assert.equal(await windows.outcome(request), null);
  assert.deepEqual(agent.ran, []);
});

it('another window of the guest cannot thaw this one', async (t) => {
  const { agent, windows } = await setStage(t);
  await windows.freeze(request);
  await refused(windows.thaw({ ...request, attempt: 2 }), 'window-gone');
  assert.equal(agent.frozen, true);
  await windows.thaw(request);
});

it('a held window lets its channel be used for reading, by one at a time', async (t) => {
  const { agent, windows } = await setStage(t);
  await windows.freeze(request);
  assert.equal(await windows.withChannel(db1, (channel) => channel.execute(fsfreezeStatus, undefined)), 'frozen');
  const answer = Promise.withResolvers<void>();
  agent.behave('guest-ping', late(answer.promise));
  const first = windows.withChannel(db1, (channel) => channel.execute(ping, undefined));
  await refused(
    windows.withChannel(db1, (channel) => channel.execute(ping, undefined)),
    'channel-busy',
  );
  answer.resolve();
  await first;
  await windows.thaw(request);
});

onEither('a reader that hangs on the channel does not hold the thaw back', async (t, kind) => {
  const stage = await setStage(t, { kind });
  await stage.windows.freeze(request);
  stage.agent.behave('guest-ping', never);
  const reading = refused(
    stage.windows.withChannel(db1, (channel) => channel.execute(ping, undefined)),
    'channel-closed',
  );
  assert.deepEqual(verdict(await stage.windows.thaw(request)), nothingTaken);
  await reading;
  await assertThawed(stage);
});

it('outside of any window the channel is opened for the reader, and free again afterwards', async (t) => {
  const { windows } = await setStage(t);
  const status = () => windows.withChannel(db1, (channel) => channel.execute(fsfreezeStatus, undefined));
  assert.deepEqual(await Promise.all([status(), status()]), ['thawed', 'thawed']);
  assert.deepEqual(verdict(await windows.freezeWindow(request)), clean);
});

onEither('a host that ends thaws what it holds, and freezes no more', async (t, kind) => {
  const stage = await setStage(t, { kind });
  await stage.windows.freeze(request);
  await stage.windows.drain();
  await assertThawed(stage);
  assert.deepEqual(verdict((await stage.windows.outcome(request))!), { ...nothingTaken, thawedBy: 'shutdown' });
  await refused(stage.windows.freeze({ ...request, backup: backupId('b-2') }), 'window-gone');
  assert.equal(freezes(stage.agent), 1);
});

onEither('a workflow that demands the thaw of a guest ends the window, and may repeat the demand', async (t, kind) => {
  const stage = await setStage(t, { kind });
  await stage.windows.freeze(request);
  const report = await stage.windows.ensureThawed(db1, 'workflow');
  assert.equal(report.was, 'open');
  assert.deepEqual(verdict(report.outcome!), { ...nothingTaken, thawedBy: 'workflow' });
  await assertThawed(stage);
  const ran = stage.agent.ran.length;
  assert.deepEqual(await stage.windows.ensureThawed(db1, 'workflow'), { ...report, was: 'closed' });
  assert.equal(stage.agent.ran.length, ran);
});

it('an operator thaws what others froze; a workflow leaves it alone', async (t) => {
  const { agent, windows } = await setStage(t);
  agent.frozen = true;
  await windows.ensureThawed(db1, 'workflow');
  assert.equal(agent.frozen, true);
  await windows.ensureThawed(db1, 'operator');
  assert.equal(agent.frozen, false);
});

it('an operator’s thaw undoes what others froze beside the window as well, which the thaw of its epoch leaves alone', async (t) => {
  const { agent, windows } = await setStage(t, { kind: 'stillframe' });
  await windows.freeze(request);
  // As soon as the window is over, another program freezes.
  agent.behave(wire.stillframe.status, (answer, send) => {
    agent.behave(wire.stillframe.status, undefined);
    send(answer);
    agent.frozen = true;
  });
  const report = await windows.ensureThawed(db1, 'operator');
  assert.deepEqual([report.was, agent.frozen], ['open', false]);
});

function leaveFrozen(agent: Stage['agent']): void {
  agent.frozen = true;
  if (agent.own) agent.own.epoch = 1;
}

for (const [what, settle, by] of [
  ['a workflow', ({ windows }: Stage) => windows.ensureThawed(db1, 'workflow'), 'workflow'],
  ['an operator', ({ windows }: Stage) => windows.ensureThawed(db1, 'operator'), 'operator'],
  ['the thaw of that window', ({ windows }: Stage) => windows.thaw(request), 'workflow'],
] as const)
  onEither(`a guest that a dead process left frozen is thawed by ${what}`, async (t, kind) => {
    const stage = await setStage(t, { kind });
    await dieInsideWindow(stage, kind);
    await settle(stage);
    await assertThawed(stage);
    const outcome = (await stage.windows.outcome(request))!;
    assert.deepEqual(verdict(outcome), { ...nothingTaken, thawedBy: by });
    assert.equal(outcome.claim.thawedCount, 2);
    const { heldMs, heldAtMostMs } = outcome.times;
    assert.equal(heldMs, null, 'nobody measured it');
    assert.ok(heldAtMostMs! >= outcome.times.thawMs!);
  });

it('how long a dead process of an earlier boot of the host left a guest frozen is not known', async (t) => {
  const stage = await setStage(t);
  const intent = await dieInsideWindow(stage, 'qemu-ga');
  for (const copy of copiesOf(stage.directory, db1)) await writeJson(copy, { ...intent, hostBoot: 'another' });
  assert.ok((await stage.windows.status(db1))!.remainingMs < 0, 'its lease is over');
  const { outcome } = await stage.windows.ensureThawed(db1, 'operator');
  assert.deepEqual([outcome!.times.heldMs, outcome!.times.heldAtMostMs], [null, null]);
});

onEither('a guest that an older version left frozen is thawed by the socket paths in its journal', async (t, kind) => {
  const stage = await setStage(t, { kind });
  leaveFrozen(stage.agent);
  await writeOldIntent(join(stage.directory, 'journal'), { ...request, agent: kind, channel: stage.agent.path });
  const { outcome } = await stage.windows.ensureThawed(db1, 'guardian');
  await assertThawed(stage);
  assert.deepEqual(verdict(outcome!), { ...nothingTaken, thawedBy: 'guardian' });
});

onEither('several callers at once for the guest of a dead process get one thaw', async (t, kind) => {
  const stage = await setStage(t, { kind });
  await dieInsideWindow(stage, kind);
  const [one, other] = await Promise.all([
    stage.windows.ensureThawed(db1, 'workflow'),
    stage.windows.ensureThawed(db1, 'guardian'),
  ]);
  assert.deepEqual(other, one);
  assert.equal(stage.agent.ran.filter((name) => name === wire[kind].thaw).length, 1);
});

onEither('a guest that is still owed a thaw gets no new freeze before it has had it', async (t, kind) => {
  const stage = await setStage(t, { kind });
  await dieInsideWindow(stage, kind);
  const next = { ...request, backup: backupId('b-2') };
  await refused(stage.windows.freezeWindow(next), 'obligation-open');
  await refused(stage.windows.freeze(next), 'obligation-open');
  assert.equal(freezes(stage.agent), 0);
  await stage.windows.ensureThawed(db1, 'workflow');
  assert.deepEqual(verdict(await stage.windows.freezeWindow(next)), clean);
});
