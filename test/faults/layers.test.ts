/**
 * Each part of Stillframe that thaws, alone, with the stock agent and without a warden. The guest's own lease and the warden are shown alone by the
 * drills.
 */

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { handleOf } from '../../client/workflows.ts';
import type { WindowKey } from '../../model/window/window.ts';
import { heldWindow } from '../../model/workflows/held-window.ts';
import { thawGuardian } from '../../model/workflows/thaw-guardian.ts';
import { startEntry } from '../workers/up-process.ts';
import { assertThawedBy, kill, startBareHost, type BareHost } from './bare-host.ts';

const undo = new AsyncDisposableStack();
let bare: BareHost;

before(async () => void (bare = await startBareHost(undo)));
after(() => undo.disposeAsync());

const terminate = (contract: typeof heldWindow | typeof thawGuardian, key: WindowKey) =>
  bare.temporal.client.workflow.getHandle(contract.id(key)).terminate('by an operator');

it('the workflow alone thaws: the worker died in the window, no warden watched it, and the next worker pursues nothing by itself', async () => {
  const hold = bare.proxy.hold('transaction');
  const { key, result } = await bare.startBackup();
  await hold.seen;
  await kill(bare.worker);
  hold.release();
  bare.worker = bare.startHost();
  await assert.rejects(result());
  assertThawedBy(await bare.outcomeOf(key), 'workflow');
  await bare.writersMove();
});

it('the guardian alone thaws: worker and workflow are gone, no warden watched them, and its own worker was down when the window was due', async () => {
  await bare.serves();
  const key = await bare.openHeld(1_000);
  await kill(bare.worker);
  await terminate(heldWindow, key);
  await kill(bare.guardian);
  bare.worker = bare.startHost();
  await untilDue(key);
  assert.equal(await bare.journal.outcome(key), null);
  bare.guardian = bare.start('guardian.ts');
  assertThawedBy(await bare.outcomeOf(key), 'guardian');
  await bare.writersMove();
});

it('the lease alone thaws: workflow and guardian are terminated', async () => {
  const key = await bare.openHeld(2_000);
  await terminate(heldWindow, key);
  await terminate(thawGuardian, key);
  assertThawedBy(await bare.outcomeOf(key), 'lease');
  await bare.writersMove();
});

it('thaw --local alone thaws: nothing else of Stillframe runs', async () => {
  const key = await bare.openHeld(20_000);
  for (const each of [bare.worker, bare.control, bare.guardian]) await kill(each);
  process.kill(bare.server.pid, 'SIGKILL');
  const { status } = await startEntry(undo, 'thaw-local.ts', ['--state', bare.stateDir]).ended;
  assert.equal(status, 0);
  assertThawedBy(await bare.outcomeOf(key), 'operator');
  await bare.writersMove();
});

/** The server fires the guardian's timer whether or not a worker runs. */
async function untilDue(key: WindowKey): Promise<void> {
  for (;;) {
    const { events } = await handleOf(bare.temporal.client, thawGuardian, key).fetchHistory();
    if (events!.some(({ timerFiredEventAttributes }) => timerFiredEventAttributes)) return;
    await delay(100);
  }
}
