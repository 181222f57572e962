/** Activities without a server: what they fail with, when they beat, and which of them a cancellation reaches. */

import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCopyActivities } from '../../activities/copy.ts';
import { mapErrors } from '../../activities/failures.ts';
import { createWindowActivities } from '../../activities/window.ts';
import { StillframeError, type ErrorCode } from '../../model/errors.ts';
import { outcomeOf, standIns } from '../workflows/stand-ins.ts';
import { backupId, guestId } from '../../model/ids.ts';

const key = { guest: guestId('g1'), backup: backupId('b1'), attempt: 1 };
const copyRequest = { guest: guestId('g1'), backup: backupId('b1'), repository: 'main' };

/** The SDK's own signature loses the type of the result. */
const run = <T>(environment: MockActivityEnvironment, activity: () => Promise<T>) => environment.run(activity) as Promise<T>;

async function failureWith(error: unknown): Promise<unknown> {
  return mapErrors(() => Promise.reject(error)).then(
    () => assert.fail('the activity succeeded'),
    (failure: unknown) => failure,
  );
}

describe('failures', () => {
  it('a failure carries the code as type, the sentence, the facts, and the cause', async () => {
    const cause = new Error('ENOENT');
    const failure = await failureWith(
      new StillframeError('agent-refused', 'the agent said no', { class: 'GenericError' }, cause),
    );
    assert.ok(failure instanceof ApplicationFailure);
    assert.equal(failure.type, 'agent-refused');
    assert.equal(failure.message, 'the agent said no');
    assert.deepEqual(failure.details, [{ class: 'GenericError' }]);
    assert.equal(failure.cause, cause);
  });

  it('failures are tried again when the outcome is unknown, and not when another attempt would find the same', async () => {
    const isFinal = async (code: ErrorCode) => {
      const failure = await failureWith(new StillframeError(code, 'x'));
      assert.ok(failure instanceof ApplicationFailure);
      return failure.nonRetryable;
    };
    for (const code of ['thaw-unconfirmed', 'channel-closed', 'agent-timed-out', 'monitor-timed-out', 'copy-failed'] as const)
      assert.equal(await isFinal(code), false, code);
    for (const code of ['agent-refused', 'guest-not-running', 'agent-garbled', 'guest-unknown', 'point-in-time-lost'] as const)
      assert.equal(await isFinal(code), true, code);
  });

  it('failures that are answers are not logged as warnings of the worker', async () => {
    const [refusal, loss] = await Promise.all([
      failureWith(new StillframeError('window-too-soon', 'x')),
      failureWith(new StillframeError('channel-closed', 'x')),
    ]);
    assert.ok(refusal instanceof ApplicationFailure && loss instanceof ApplicationFailure);
    assert.equal(refusal.category, ApplicationFailureCategory.BENIGN);
    assert.notEqual(loss.category, ApplicationFailureCategory.BENIGN);
  });

  it('errors that are not StillframeErrors pass unchanged', async () => {
    const bug = new TypeError('undefined is not a function');
    assert.equal(await failureWith(bug), bug);
  });
});

describe('activities', () => {
  it('activities send a heartbeat before they do anything else', async () => {
    const order: string[] = [];
    const environment = new MockActivityEnvironment();
    environment.on('heartbeat', () => order.push('heartbeat'));
    const parts = standIns({ windows: { freezeWindow: async (request) => (order.push('freeze'), outcomeOf(request)) } });
    await environment.run(createWindowActivities(parts).freezeWindow, key);
    assert.deepEqual(order, ['heartbeat', 'freeze']);
  });

  it('activities report the progress of a copy by their heartbeats', async () => {
    const reported = Promise.withResolvers<void>();
    const environment = new MockActivityEnvironment();
    const progress = { doneBytes: 512, totalBytes: 1024, disk: 'disk0' };
    environment.on('heartbeat', (details) => {
      if (details?.doneBytes === 512) {
        assert.deepEqual(details, progress);
        reported.resolve();
      }
    });
    const parts = standIns({
      backups: {
        copy: async (_request, { onProgress }) => {
          onProgress(progress);
          await reported.promise;
        },
      },
    });
    await environment.run(createCopyActivities(parts).copy, copyRequest);
    await reported.promise;
  });

  it('activities end a window, whatever is cancelled', async () => {
    for (const reason of ['CANCELLED', 'NOT_FOUND', 'TIMED_OUT', 'WORKER_SHUTDOWN'] as const) {
      const environment = new MockActivityEnvironment();
      const parts = standIns({
        windows: {
          freezeWindow: async (request) => {
            environment.cancel(reason);
            return outcomeOf(request);
          },
        },
      });
      const { freezeWindow, ensureThawed } = createWindowActivities(parts);
      assert.equal((await run(environment, () => freezeWindow(key))).closing, 'status-thawed', reason);
      const report = await run(environment, () => ensureThawed({ guest: guestId('g1'), by: 'workflow' }));
      assert.equal(report.status, 'thawed', reason);
    }
  });

  it('activities end a snapshot command and a copy that are cancelled', async () => {
    const untilAborted = (signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    const parts = standIns({
      windows: { snapshot: (_key, _name, signal) => untilAborted(signal) },
      backups: { copy: (_request, { signal }) => untilAborted(signal) },
    });
    const snapshotting = new MockActivityEnvironment();
    const snapshot = snapshotting.run(createWindowActivities(parts).snapshot, { key, name: 'zfs' });
    const copying = new MockActivityEnvironment();
    const copy = copying.run(createCopyActivities(parts).copy, copyRequest);
    snapshotting.cancel('CANCELLED');
    copying.cancel('CANCELLED');
    await assert.rejects(snapshot, { name: 'CancelledFailure' });
    await assert.rejects(copy, { name: 'CancelledFailure' });
  });
});

describe('a window that was taken for lost', () => {
  const perform = <T>(activity: (input: typeof key) => Promise<T>) => run(new MockActivityEnvironment(), () => activity(key));

  it('is waited for by the question how it ended, while its activity is still on its way', async () => {
    const begun = Promise.withResolvers<void>();
    const checked = Promise.withResolvers<void>();
    const parts = standIns();
    const { freezeWindow, windowOutcome } = createWindowActivities({
      ...parts,
      reaper: { ...parts.reaper, clear: () => (begun.resolve(), checked.promise) },
    });
    const taking = perform(freezeWindow);
    await begun.promise;
    const asked = perform(windowOutcome);
    checked.resolve();
    assert.deepEqual(await asked, await taking);
  });

  it('is not opened once its workflow was told that there is none', async () => {
    const parts = standIns();
    const { freezeWindow, windowOutcome } = createWindowActivities(parts);
    assert.equal(await perform(windowOutcome), null);
    await assert.rejects(perform(freezeWindow), { type: 'window-lost' });
    assert.deepEqual(parts.calls, ['outcome']);
  });
});
