/** heldWindow and its guardian against a real server: whatever happens to the workflow, the thaw is demanded. */

import { type WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { StillframeError } from '../../model/errors.ts';
import { ask, handleOf } from '../../client/workflows.ts';
import type { GuardianArm } from '../../model/window/watches.ts';
import type { WorkflowOf } from '../../model/workflows/contract.ts';
import { heldWindow } from '../../model/workflows/held-window.ts';
import { thawGuardian } from '../../model/workflows/thaw-guardian.ts';
import type { WindowOutcome } from '../../model/window/window.ts';
import { outcomeOf, standIns, type StandIns } from './stand-ins.ts';
import { failureOf, newIds, openStage, type Ids, type Stage } from './stage.ts';
import { backupId, guestId, hostId } from '../../model/ids.ts';

let stage: Stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

/** The guardian waits for pick-up, lease and grace: with this lease, some 13 seconds. */
const leaseMs = 200;

const startWindow = (ids: Ids) => stage.start(heldWindow, { ...ids, snapshot: 'zfs', leaseMs });
const guardianOf = (ids: Ids) => handleOf(stage.client, thawGuardian, ids);
const armedOn = (ids: Ids) => ask(guardianOf(ids), thawGuardian.queries.armed);

/** Runs one held window to its end on a host of its own; `during` sees it open. */
async function window(
  parts: StandIns,
  during?: (handle: WorkflowHandle, ids: Ids) => Promise<unknown>,
): Promise<{ outcome: WindowOutcome; ids: Ids }> {
  return stage.onHost(parts, async (ids) => {
    const handle = await startWindow(ids);
    await during?.(handle, ids);
    return { outcome: await handle.result(), ids };
  });
}

/** A snapshot that goes on for as long as its test wants. */
function slowSnapshot(): { parts: StandIns; finish: () => void } {
  const taken = Promise.withResolvers<{ reference: string }>();
  const parts = standIns({ windows: { snapshot: () => taken.promise } });
  return { parts, finish: () => taken.resolve({ reference: 'tank/vm@stillframe' }) };
}

describe('heldWindow and thawGuardian', { concurrency: true }, () => {
  it('heldWindow arms the guardian before the freeze, and disarms it after the thaw', async () => {
    const armedAtFreeze: number[] = [];
    const parts: StandIns = standIns({
      windows: {
        freeze: async ({ guest }) => {
          armedAtFreeze.push((await armedOn({ ...newIds(), guest })).length);
          return { epoch: 1, frozenCount: 1, leaseMs, remainingMs: leaseMs };
        },
        thaw: async (key) => outcomeOf(key, { reference: 'tank/vm@stillframe' }),
      },
    });
    const { outcome, ids } = await window(parts);
    assert.deepEqual(parts.calls, ['freeze', 'snapshot zfs', 'thaw']);
    assert.equal(outcome.reference, 'tank/vm@stillframe');
    assert.deepEqual(armedAtFreeze, [1]);
    assert.deepEqual(await armedOn(ids), []);
  });

  it('heldWindow thaws when the snapshot command fails, disarms, and fails with the reason of the command', async () => {
    const refused = new StillframeError('snapshot-failed', 'zfs ended with status 1');
    const parts = standIns({ windows: { snapshot: () => Promise.reject(refused) } });
    const failure = await failureOf(
      window(parts, async (handle, ids) => {
        await assert.rejects(handle.result());
        assert.deepEqual(await armedOn(ids), []);
      }),
    );
    assert.equal(failure.type, 'snapshot-failed');
    assert.deepEqual(parts.calls, ['freeze', 'snapshot zfs', 'thaw']);
  });

  it('heldWindow fails with the reason of a refused freeze, after asking for the thaw all the same', async () => {
    const refused = new StillframeError('guest-carries', 'db1 carries temporal');
    const parts = standIns({ windows: { freeze: () => Promise.reject(refused) } });
    assert.equal((await failureOf(window(parts))).type, 'guest-carries');
    assert.deepEqual(parts.calls, ['freeze', 'thaw']);
  });

  const gone = new StillframeError('window-gone', 'the window does not exist on this host');

  it('heldWindow leaves a freeze that was answered to the guardian when the host does not know the window any more', async () => {
    const parts = standIns({ windows: { thaw: () => Promise.reject(gone) } });
    await stage.onHost(parts, async (ids) => {
      const failure = await failureOf((await startWindow(ids)).result());
      assert.equal(failure.type, 'window-lost');
      assert.equal((await armedOn(ids)).length, 1);
      await parts.called('ensureThawed guardian');
    });
  });

  it('heldWindow leaves a freeze whose answer says nothing to the guardian when the host knows no window', async () => {
    const lost = new StillframeError('channel-closed', 'the channel was closed by QEMU');
    const parts = standIns({ windows: { freeze: () => Promise.reject(lost), thaw: () => Promise.reject(gone) } });
    await stage.onHost(parts, async (ids) => {
      assert.equal((await failureOf((await startWindow(ids)).result())).type, 'channel-closed');
      assert.equal((await armedOn(ids)).length, 1);
    });
  });

  it('heldWindow disarms its guardian when the freeze was refused and the host knows no window', async () => {
    const refused = new StillframeError('guest-frozen', 'db1 is frozen already');
    const parts = standIns({ windows: { freeze: () => Promise.reject(refused), thaw: () => Promise.reject(gone) } });
    await stage.onHost(parts, async (ids) => {
      assert.equal((await failureOf((await startWindow(ids)).result())).type, 'guest-frozen');
      assert.deepEqual(await armedOn(ids), []);
    });
  });

  it('heldWindow fails with the reason of a window that its lease ended', async () => {
    const failed = { code: 'lease-expired', message: 'the lease of 200 ms ended before the snapshot did' };
    const parts = standIns({ windows: { thaw: async (key) => outcomeOf(key, { thawedBy: 'lease', failure: failed }) } });
    assert.equal((await failureOf(window(parts))).type, 'lease-expired');
  });

  it('heldWindow demands the thaw until it is confirmed', async () => {
    let tries = 0;
    const unconfirmed = new StillframeError('thaw-unconfirmed', 'no confirmation yet');
    const parts = standIns({
      windows: { thaw: (key) => (++tries < 3 ? Promise.reject(unconfirmed) : Promise.resolve(outcomeOf(key))) },
    });
    assert.equal((await window(parts)).outcome.closing, 'status-thawed');
    assert.equal(tries, 3);
  });

  it('heldWindow finishes the window when it is cancelled inside of it', async () => {
    const { parts, finish } = slowSnapshot();
    const { outcome } = await window(parts, async (handle) => {
      await parts.called('snapshot zfs');
      await handle.cancel();
      finish();
    });
    assert.equal(outcome.reference, 'tank/vm@stillframe');
    assert.deepEqual(parts.calls, ['freeze', 'snapshot zfs', 'thaw']);
  });

  it('heldWindow leaves a guest to the guardian when it is terminated inside the window', async () => {
    const { parts, finish } = slowSnapshot();
    await stage.onHost(parts, async (ids) => {
      const handle = await startWindow(ids);
      await parts.called('snapshot zfs');
      // A guardian that somebody cancels guards on.
      await guardianOf(ids).cancel();
      await handle.terminate('a test ends it inside its window');
      await parts.called('ensureThawed guardian');
      assert.equal(parts.journal.get(`${ids.backup}/1`)?.thawedBy, 'guardian');
      assert.ok(!parts.calls.includes('thaw'));
      finish();
    });
  });

  const arm = (ids: Ids): GuardianArm => ({
    backup: backupId(ids.backup),
    attempt: 1,
    guest: guestId(ids.guest),
    host: hostId(ids.host),
    leaseMs,
  });
  const startGuardian = (ids: Ids) =>
    stage.client.workflow.start<WorkflowOf<typeof thawGuardian>>(thawGuardian.type, {
      workflowId: thawGuardian.id(ids),
      taskQueue: thawGuardian.queue,
      args: [],
    });

  it('heldWindow names a host without a worker, and disarms its guardian', async () => {
    const ids = newIds();
    const failure = await failureOf((await startWindow(ids)).result());
    assert.equal(failure.type, 'host-absent');
    assert.deepEqual(await armedOn(ids), []);
  });

  it('the guardian watches the shorter of two leases first', async () => {
    const parts = standIns();
    await stage.onHost(parts, async (ids) => {
      const handle = await startGuardian(ids);
      await handle.executeUpdate(thawGuardian.updates.arm.name, { args: [{ ...arm(ids), attempt: 1, leaseMs: 3_600_000 }] });
      await handle.executeUpdate(thawGuardian.updates.arm.name, { args: [{ ...arm(ids), attempt: 2 }] });
      await parts.called('ensureThawed guardian');
    });
  });

  it('the guardian watches a window once, however often it is armed, until it is disarmed', async () => {
    const ids = newIds();
    const handle = await startGuardian(ids);
    await handle.executeUpdate(thawGuardian.updates.arm.name, { args: [arm(ids)] });
    await handle.executeUpdate(thawGuardian.updates.arm.name, { args: [arm(ids)] });
    assert.deepEqual(await armedOn(ids), [arm(ids)]);
    await handle.signal(thawGuardian.signals.disarm.name, arm(ids));
    assert.deepEqual(await armedOn(ids), []);
  });

  it('the guardian pages when the host does not confirm, and demands the thaw again', async () => {
    let tries = 0;
    const unconfirmed = new StillframeError('thaw-unconfirmed', 'no confirmation yet');
    const confirmed = Promise.withResolvers<void>();
    const parts = standIns({
      windows: {
        ensureThawed: async (guest) => {
          if (++tries <= 5) throw unconfirmed;
          confirmed.resolve();
          return { guest, was: 'open', outcome: null, status: 'thawed' };
        },
      },
    });
    await stage.onHost(parts, async (ids) => {
      const handle = await startGuardian(ids);
      await handle.executeUpdate(thawGuardian.updates.arm.name, { args: [arm(ids)] });
      await confirmed.promise;
      assert.ok(stage.pages.some((page) => page.includes(ids.guest) && page.includes('after 5 tries')));
    });
  });

  it('the guardian looks for a guest whose host does not confirm on the other hosts, and thaws it there', async () => {
    let tries = 0;
    const unconfirmed = new StillframeError('thaw-unconfirmed', 'no confirmation yet');
    const elsewhere = standIns();
    const parts = standIns({
      windows: {
        ensureThawed: async (guest) => {
          if (++tries <= 5) throw unconfirmed;
          return { guest, was: 'open', outcome: null, status: 'thawed' };
        },
      },
    });
    await stage.onHost(elsewhere, (others) =>
      stage.onHost(parts, async (ids) => {
        stage.moved.set(ids.guest, [others.host, ids.host]);
        const handle = await startGuardian(ids);
        await handle.executeUpdate(thawGuardian.updates.arm.name, { args: [arm(ids)] });
        await elsewhere.called(`thawStray ${ids.guest}`);
        assert.equal(parts.calls.includes(`thawStray ${ids.guest}`), false, 'the host that owes it was asked already');
      }),
    );
  });

  it('the guardian ends by itself, with its reports, when nothing has been armed for a minute', async () => {
    const ids = newIds();
    const handle = await startGuardian(ids);
    await handle.executeUpdate(thawGuardian.updates.arm.name, { args: [arm(ids)] });
    await handle.signal(thawGuardian.signals.disarm.name, arm(ids));
    assert.deepEqual(await handle.result(), [{ backup: ids.backup, attempt: 1, ended: 'disarmed', thaw: null }]);
  });
});

it('every history of these windows and guardians replays and stays below 2,000 events', async () => {
  assert.ok((await stage.replayAll()) >= 10);
});
