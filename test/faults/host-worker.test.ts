/**
 * A host worker on a real guest whose clock is set, whose activities are paused and reset at the server, or run late, and which loses its power.
 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startGuest } from '../../infra/lab/guest.ts';
import { handleOf } from '../../client/workflows.ts';
import { backupGuest } from '../../model/workflows/backup-guest.ts';
import { heldWindow } from '../../model/workflows/held-window.ts';
import { makeTemporary } from '../workers/up-process.ts';
import { kill, startBareHost, type BareHost } from './bare-host.ts';
import { fakeClock, type FakeClock } from './faketime.ts';

const undo = new AsyncDisposableStack();
let bare: BareHost;
let clock: FakeClock;

before(async () => {
  bare = await startBareHost(undo);
  clock = await fakeClock(await makeTemporary(undo));
  await kill(bare.worker);
  bare.worker = bare.startHost('host.ts', { env: clock.env });
  await bare.serves();
});
after(() => undo.disposeAsync());

for (const by of ['+1h', '-1h'])
  it(`a lease ends as late as it was asked for when the host's clock is set by ${by}`, async () => {
    const leaseMs = 2_000;
    const key = await bare.openHeld(leaseMs);
    await clock.step(by);
    const { thawedBy, closing, times, openedAt, closedAt } = await bare.outcomeOf(key);
    assert.deepEqual([thawedBy, closing], ['lease', 'status-thawed']);
    // It runs from the intent, which is a little older than the freeze.
    assert.ok(times.heldMs! > leaseMs / 2, `held for ${times.heldMs} ms`);
    // The worker has seen its clock jump.
    assert.equal(Math.sign(Date.parse(closedAt) - Date.parse(openedAt) - leaseMs * 10), by === '+1h' ? 1 : -1);
    await clock.step('+0');
    await bare.writersMove();
    // Its workflow ends behind the window.
    await assert.rejects(handleOf(bare.temporal.client, heldWindow, key).result());
  });

it('a backup in whose window the clock is set, forth and back, is a filesystem point', async () => {
  const hold = bare.proxy.hold('transaction');
  const { result } = await bare.startBackup();
  await hold.seen;
  await clock.step('+1h');
  await clock.step('-1h');
  hold.release();
  assert.equal((await result()).grade, 'filesystem');
  await clock.step('+0');
});

/** The workflow's activity that is under way, as the server sees it. */
async function pending() {
  const workflowId = backupGuest.id({ guest: bare.guest.uuid });
  const description = await bare.temporal.client.workflow.getHandle(workflowId).describe();
  return description.raw.pendingActivities?.[0];
}

const atServer = () => ({
  namespace: 'default',
  execution: { workflowId: backupGuest.id({ guest: bare.guest.uuid }) },
  identity: 'an operator',
});

for (const how of ['paused', 'reset'] as const)
  it(`a window whose activity is ${how} at the server ends by itself, and its backup goes on`, async () => {
    const service = bare.temporal.client.workflowService;
    const hold = bare.proxy.hold('transaction');
    const { result } = await bare.startBackup();
    await hold.seen;
    const about = { ...atServer(), type: 'freezeWindow' };
    if (how === 'paused') await service.pauseActivity(about);
    else await service.resetActivity(about);
    await untilHeartbeat();
    hold.release();
    assert.equal((await result()).grade, 'filesystem');
  });

for (const how of ['paused', 'reset'] as const)
  it(`a copy whose activity is ${how} at the server is done again from the same point in time`, async () => {
    const service = bare.temporal.client.workflowService;
    const hold = bare.proxy.hold('block-export-add');
    const { result } = await bare.startBackup();
    await hold.seen;
    const about = { ...atServer(), type: 'copy' };
    if (how === 'paused') await service.pauseActivity(about);
    else await service.resetActivity(about);
    await untilHeartbeat();
    hold.release();
    if (how === 'paused') {
      while ((await pending())?.state !== pausedState) await delay(100);
      await bare.writersMove();
      await service.unpauseActivity(about);
    }
    assert.equal((await result()).grade, 'filesystem');
  });

/** PENDING_ACTIVITY_STATE_PAUSED of temporal.api.enums.v1: no attempt runs, and none is begun. */
const pausedState = 4;

/** What the server has to say about an activity comes with the answer to its next heartbeat. */
async function untilHeartbeat(): Promise<void> {
  const beat = async () => Number((await pending())?.lastHeartbeatTime?.seconds ?? 0);
  const first = await beat();
  while ((await beat()) <= first) await delay(100);
}

it('a window whose worker was taken for lost before it froze is the workflow’s own when the worker goes on', async () => {
  // Of the look for leftovers, before anything is prepared.
  const hold = bare.proxy.hold('query-jobs');
  const { key, result } = await bare.startBackup();
  await hold.seen;
  bare.worker.child.kill('SIGSTOP');
  while ((await pending())?.activityType?.name !== 'windowOutcome') await delay(100);
  hold.release();
  bare.worker.child.kill('SIGCONT');
  const { grade, window } = await result();
  assert.deepEqual([grade, window], ['filesystem', await bare.outcomeOf(key)]);
  await bare.writersMove();
});

it('a host that loses its power in a window closes it when it and its guest are back', async () => {
  await kill(bare.worker);
  bare.worker = bare.startHost('warden.ts');
  await bare.serves();
  const key = await bare.openHeld(10_000);
  const warden = bare.worker.child.pid!;
  const [worker] = (await readFile(`/proc/${warden}/task/${warden}/children`, 'utf8')).trim().split(' ');
  for (const pid of [warden, Number(worker), bare.guest.pid]) process.kill(pid, 'SIGKILL');
  await bare.worker.ended;
  await bare.guest.ended;
  await bare.guest.stop();
  const { name, uuid } = bare.guest;
  bare.worker = bare.startHost('warden.ts');
  bare.guest = await startGuest({ directory: bare.directory, name, uuid, agent: 'qemu-ga' });
  undo.defer(() => bare.guest.stop());
  const { thawedBy, closing, failure } = await bare.outcomeOf(key);
  assert.deepEqual([thawedBy, closing, failure?.code], ['warden', 'status-thawed', 'window-lost']);
  await bare.writersMove();
  await bare.serves();
  assert.equal((await (await bare.startBackup()).result()).grade, 'filesystem');
});
