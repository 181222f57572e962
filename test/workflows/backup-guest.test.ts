/** backupGuest against a real server: what it does with windows that held, were refused, were lost, or were cancelled. */

import { CompleteAsyncError } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, type HandleOf } from '../../client/workflows.ts';
import { StillframeError } from '../../model/errors.ts';
import { backupGuest, type BackupInput, type BackupResult } from '../../model/workflows/backup-guest.ts';
import type { WindowOutcome, WindowRequest } from '../../model/window/window.ts';
import { outcomeOf, standIns, type StandIns } from './stand-ins.ts';
import { failureOf, newIds, openStage, type Ids, type Stage } from './stage.ts';

let stage: Stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

const startBackup = (ids: Ids, over: Partial<BackupInput> = {}) =>
  stage.start(backupGuest, { ...ids, repository: 'main', want: 'filesystem', ...over });

/** Runs one backup to its end on a host of its own. */
async function backup(
  parts: StandIns,
  during?: (handle: HandleOf<typeof backupGuest>) => Promise<unknown>,
): Promise<BackupResult> {
  return stage.onHost(parts, async (ids) => {
    const handle = await startBackup(ids);
    await during?.(handle);
    return handle.result();
  });
}

/** A worker that has taken an activity and is never heard of again. */
const lost = () => Promise.reject(new CompleteAsyncError());

describe('backupGuest', { concurrency: true }, () => {
  it('backupGuest takes the window, copies, commits a graded point, and leaves nothing on the host', async () => {
    const parts = standIns();
    const result = await backup(parts);
    assert.deepEqual(parts.calls, ['freezeWindow', 'copy', 'commit', 'cleanUp']);
    assert.equal(result.grade, 'filesystem');
    assert.equal(result.satisfied, true);
    assert.equal(result.bytes, 1_048_576);
    assert.deepEqual(
      parts.committed.map(({ id, grade, pointInTimeAt }) => ({ id, grade, pointInTimeAt })),
      [{ id: result.backup, grade: 'filesystem', pointInTimeAt: '2026-01-01T02:00:00.050Z' }],
    );
  });

  it('backupGuest reports its stage and its window while the copy runs', async () => {
    const copied = Promise.withResolvers<void>();
    const parts = standIns({ backups: { copy: () => copied.promise } });
    await backup(parts, async (handle) => {
      await parts.called('copy');
      const progress = await ask(handle, backupGuest.queries.progress);
      assert.equal(progress.stage, 'copy');
      assert.equal(progress.window?.thawedBy, 'window');
      copied.resolve();
    });
  });

  it('backupGuest keeps a point below the wanted grade, with its reasons', async () => {
    const parts = standIns({
      windows: { freezeWindow: async (request) => outcomeOf(request, { reasons: ['mount-not-frozen /data'] }) },
    });
    const result = await backup(parts);
    assert.equal(result.grade, 'crash-atomic');
    assert.equal(result.satisfied, false);
    assert.deepEqual(result.reasons, ['mount-not-frozen /data']);
    assert.equal(parts.committed.length, 1);
  });

  it('backupGuest fails with the code of a refusal, and asks nothing more of the host', async () => {
    const parts = standIns({
      windows: {
        freezeWindow: () =>
          Promise.reject(new StillframeError('window-too-soon', 'the last window closed 3 s ago', { agoMs: 3_000 })),
      },
    });
    const failure = await failureOf(backup(parts));
    assert.equal(failure.type, 'window-too-soon');
    assert.equal(failure.message, 'the last window closed 3 s ago');
    assert.deepEqual(parts.calls, ['freezeWindow']);
  });

  it('backupGuest fails with the code of a window that got no point in time, after the release', async () => {
    const failed = { code: 'point-in-time-failed', message: 'the transaction was refused' };
    const parts = standIns({
      windows: { freezeWindow: async (request) => outcomeOf(request, { failure: failed, pointInTimeAt: null }) },
    });
    assert.equal((await failureOf(backup(parts))).type, 'point-in-time-failed');
    assert.deepEqual(parts.calls, ['freezeWindow', 'cleanUp']);
  });

  it('backupGuest asks for the outcome of a window whose activity was lost, and continues from it', async () => {
    const parts = standIns({
      windows: {
        freezeWindow: (request) => {
          parts.journal.set(`${request.backup}/${request.attempt}`, outcomeOf(request));
          return lost();
        },
      },
    });
    const result = await backup(parts);
    assert.equal(result.grade, 'filesystem');
    assert.deepEqual(parts.calls, ['freezeWindow', 'outcome', 'copy', 'commit', 'cleanUp']);
  });

  it('backupGuest demands the thaw when a lost window has no outcome, and reports how it was ended', async () => {
    let request: WindowRequest | undefined;
    const parts = standIns({
      windows: {
        freezeWindow: (asked) => ((request = asked), lost()),
        ensureThawed: async (guest, by) => {
          const ended = outcomeOf(request!, { thawedBy: by, failure: { code: 'lease-expired', message: 'the lease ended it' } });
          parts.journal.set(`${ended.backup}/${ended.attempt}`, ended);
          return { guest, was: 'open', outcome: ended, status: 'thawed' };
        },
      },
    });
    assert.equal((await failureOf(backup(parts))).type, 'lease-expired');
    assert.deepEqual(parts.calls, ['freezeWindow', 'outcome', 'ensureThawed workflow', 'outcome', 'cleanUp']);
  });

  it('backupGuest has the guest thawed by the host that has it now, while the host that froze it is silent', async () => {
    const elsewhere = standIns();
    const isBack = Promise.withResolvers<null>();
    const parts = standIns({ windows: { freezeWindow: lost, outcome: () => isBack.promise } });
    await stage.onHost(elsewhere, (others) =>
      stage.onHost(parts, async (ids) => {
        stage.moved.set(ids.guest, [others.host]);
        const handle = await startBackup(ids);
        await elsewhere.called(`thawStray ${ids.guest}`);
        isBack.resolve(null);
        assert.equal((await failureOf(handle.result())).type, 'window-lost');
      }),
    );
  });

  it('backupGuest asks for the outcome of a window whose result the server did not accept, and releases', async () => {
    const parts = standIns({
      windows: {
        freezeWindow: async (request) => {
          parts.journal.set(`${request.backup}/${request.attempt}`, outcomeOf(request));
          // As the SDK reports a result above the server's limit.
          throw ApplicationFailure.nonRetryable('the result exceeds the limit', 'TMPRL1103');
        },
      },
    });
    assert.equal((await backup(parts)).grade, 'filesystem');
    assert.deepEqual(parts.calls, ['freezeWindow', 'outcome', 'copy', 'commit', 'cleanUp']);
  });

  it('backupGuest demands a thaw that was not confirmed again and again until it is', async () => {
    let tries = 0;
    const unconfirmed = new StillframeError('thaw-unconfirmed', 'no confirmation yet');
    const parts = standIns({
      windows: {
        freezeWindow: () => Promise.reject(unconfirmed),
        ensureThawed: async (guest) => {
          if (++tries < 3) throw unconfirmed;
          return { guest, was: 'open', outcome: null, status: 'thawed' };
        },
      },
    });
    assert.equal((await failureOf(backup(parts))).type, 'window-lost');
    assert.equal(parts.calls.filter((call) => call === 'ensureThawed workflow').length, 5, 'three times, then once a window');
    assert.equal(parts.calls.at(-1), 'cleanUp', 'what the lost worker may have prepared is released');
    assert.equal(parts.committed.length, 0);
  });

  it('backupGuest opens another window when the first was lost and nothing was frozen', async () => {
    const tried: number[] = [];
    const parts = standIns({
      windows: {
        freezeWindow: async (request) => {
          tried.push(request.attempt);
          // As the SDK reports a worker that died while it prepared.
          if (request.attempt === 1) throw ApplicationFailure.nonRetryable('lost', 'HeartbeatTimeout');
          return outcomeOf(request);
        },
        ensureThawed: async (guest) => ({ guest, was: 'closed', outcome: null, status: 'thawed' }),
      },
    });
    assert.equal((await backup(parts)).grade, 'filesystem');
    assert.deepEqual(tried, [1, 2]);
    assert.equal(parts.committed.length, 1);
  });

  it('backupGuest lets a window end that is open when the backup is cancelled, then releases and copies nothing', async () => {
    const window = Promise.withResolvers<WindowOutcome>();
    let asked: WindowRequest | undefined;
    const parts = standIns({ windows: { freezeWindow: (request) => ((asked = request), window.promise) } });
    const cancelled = backup(parts, async (handle) => {
      await parts.called('freezeWindow');
      await handle.cancel();
      // The query runs after the workflow task that the cancellation made.
      assert.equal((await ask(handle, backupGuest.queries.progress)).stage, 'window');
      window.resolve(outcomeOf(asked!));
    });
    await assert.rejects(cancelled, (error: Error) => error.cause instanceof CancelledFailure);
    assert.deepEqual(parts.calls, ['freezeWindow', 'cleanUp']);
  });

  it('backupGuest ends the copy of a cancelled backup, waits for its end, and releases', async () => {
    const ends: string[] = [];
    const parts = standIns({
      backups: {
        copy: (_request, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => (ends.push('copy ended'), reject(signal.reason as Error)));
          }),
        cleanUp: async () => void ends.push('released'),
      },
    });
    const cancelled = backup(parts, async (handle) => {
      await parts.called('copy');
      await handle.cancel();
    });
    await assert.rejects(cancelled, (error: Error) => error.cause instanceof CancelledFailure);
    assert.deepEqual(ends, ['copy ended', 'released']);
    assert.equal(parts.committed.length, 0);
  });

  it('backupGuest copies again from the same point in time when the worker of a copy was lost', async () => {
    let copies = 0;
    const parts = standIns({ backups: { copy: () => (copies++ === 0 ? lost() : Promise.resolve()) } });
    assert.equal((await backup(parts)).grade, 'filesystem');
    assert.deepEqual(parts.calls, ['freezeWindow', 'copy', 'copy', 'commit', 'cleanUp']);
  });

  it('backupGuest releases and fails with the code when the point in time was lost while copying', async () => {
    const gone = new StillframeError('scratch-exhausted', 'the scratch of disk0 is full');
    const parts = standIns({ backups: { copy: () => Promise.reject(gone) } });
    assert.equal((await failureOf(backup(parts))).type, 'scratch-exhausted');
    assert.equal(parts.calls.at(-1), 'cleanUp');
  });

  it('backupGuest retries the release until it succeeds', async () => {
    let tries = 0;
    const busy = new StillframeError('monitor-timed-out', 'QEMU does not answer');
    const parts = standIns({ backups: { cleanUp: () => (tries++ === 0 ? Promise.reject(busy) : Promise.resolve()) } });
    assert.equal((await backup(parts)).grade, 'filesystem');
    assert.equal(tries, 2);
  });

  it('backupGuest names a host without a worker', async () => {
    const ids = newIds();
    const failure = await failureOf((await startBackup(ids)).result());
    assert.equal(failure.type, 'host-absent');
    assert.match(failure.message, new RegExp(ids.host));
  });
});

it('every history of these backups replays and stays below 2,000 events', async () => {
  assert.ok((await stage.replayAll()) >= 10);
});
