/**
 * What happens to a backup of a real guest when its workflow is cancelled, terminated or reset, when the worker of the workflows is killed, and
 * when the server loses its database: in each phase of the backup.
 */

import { CancelledFailure, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startBackup } from '../../client/backups.ts';
import { ask, handleOf } from '../../client/workflows.ts';
import { labHost, repositoryName, startSite, type Site } from '../../demo/site.ts';
import { guestId, newBackupId, type BackupId } from '../../model/ids.ts';
import { backupGuest, type BackupResult, type BackupStage } from '../../model/workflows/backup-guest.ts';
import { openRepository } from '../../repository/points.ts';
import { makeFolder } from '../support/folder.ts';
import { leftAfterAMinute } from './left-behind.ts';

let directory: string;
let site: Site;

before(async () => {
  directory = await makeFolder();
  site = await startSite(directory);
  await site.whole();
});
after(async () => {
  await site?.stop();
  await rm(directory, { recursive: true, force: true });
});

const phases = ['prepare', 'window', 'copy', 'commit'] as const;
type Phase = (typeof phases)[number];

/** The monitor's command that is held back, and the stage that the workflow is in then. */
const held: Record<Phase, { command: string; stage: BackupStage }> = {
  prepare: { command: 'blockdev-add', stage: 'window' },
  window: { command: 'transaction', stage: 'window' },
  copy: { command: 'block-export-add', stage: 'copy' },
  // The last look at the jobs, behind the copy's own.
  commit: { command: 'query-jobs', stage: 'commit' },
};

interface Running {
  backup: BackupId;
  runId: string;
  /** Of this run, or of the one that a reset has put in its place. */
  result(run?: string): Promise<BackupResult>;
}

const keyOfGuest = () => ({ guest: guestId(site.guest.uuid) });

async function start(): Promise<Running> {
  const backup = newBackupId(Date.now(), randomBytes(4).toString('hex'));
  const { client } = site;
  const temporal = { client, connection: client.connection as never, address: '' };
  const input = { backup, ...keyOfGuest(), guestName: site.guest.name, host: labHost, repository: repositoryName };
  const runId = await startBackup(temporal, { ...input, want: 'filesystem' });
  return { backup, runId, result: (run = runId) => handleOf(client, backupGuest, keyOfGuest(), run).result() };
}

/** Starts a backup and passes through the phases up to this one; `release` lets it continue. */
async function startUntil(phase: Phase, inEach: (phase: Phase, running: Running) => Promise<void> = async () => {}) {
  let hold = site.proxy.hold(held.prepare.command);
  const running = await start();
  for (const each of phases) {
    await hold.seen;
    if (each === 'commit') while ((await stageOf()) !== 'commit') await delay(20);
    await inEach(each, running);
    if (each === phase) break;
    const { release } = hold;
    hold = site.proxy.hold(held[phases[phases.indexOf(each) + 1]!].command);
    release();
  }
  return { ...running, release: hold.release };
}

/** Undefined while no worker of the workflows runs. */
async function stageOf(): Promise<BackupStage | undefined> {
  const handle = handleOf(site.client, backupGuest, keyOfGuest());
  return ask(handle, backupGuest.queries.progress).then(
    ({ stage }) => stage,
    () => undefined,
  );
}

async function points(): Promise<string[]> {
  return (await (await openRepository(site.repository)).list()).points.map(({ id }) => id);
}

/** The guest writes once the window of this backup is over, and is owed nothing. */
async function assertWrites({ backup }: Running): Promise<void> {
  while ((await site.journal.outcome({ ...keyOfGuest(), backup, attempt: 1 })) === null) await delay(20);
  // The first file of each disk may have been on its way before the freeze.
  for (let time = 0; time < 2; time++) await Promise.all(site.guest.disks.map(({ name }) => site.guest.console.nextWrite(name)));
  assert.deepEqual((await site.journal.openIntents()).intents, []);
}

/** The next backup also ends what those before it left, so that no test waits for the sweep. */
function nothingIsLeft(): void {
  it('leaves nothing behind, and the next one succeeds', async () => {
    assert.equal((await (await start()).result()).grade, 'filesystem');
    assert.deepEqual(await leftAfterAMinute(directory, site), []);
  });
}

const causeOf = async (result: Promise<unknown>) => {
  const ended = await result.then(
    () => 'completed',
    (error: unknown) => error,
  );
  return ended instanceof WorkflowFailedError ? ended.cause : ended;
};

describe('a backup that is cancelled', () => {
  for (const phase of phases)
    it(`in its ${phase} phase ends, and copies nothing more`, async () => {
      const running = await startUntil(phase);
      await handleOf(site.client, backupGuest, keyOfGuest(), running.runId).cancel();
      running.release();
      const ended = await causeOf(running.result());
      // A commit is finished: its point exists, or it would be unknown whether it does.
      if (phase === 'commit') assert.equal(ended, 'completed');
      else assert.ok(ended instanceof CancelledFailure, String(ended));
      assert.equal((await points()).includes(running.backup), phase === 'commit');
      await assertWrites(running);
    });

  nothingIsLeft();
});

describe('a backup whose workflow is terminated', () => {
  for (const phase of phases)
    it(`in its ${phase} phase leaves the guest alone`, async () => {
      const running = await startUntil(phase);
      await handleOf(site.client, backupGuest, keyOfGuest(), running.runId).terminate('by an operator');
      running.release();
      await assertWrites(running);
    });

  nothingIsLeft();
});

describe('a backup whose workflow is reset to its beginning', () => {
  for (const phase of phases)
    it(`in its ${phase} phase has one window, and one point`, async () => {
      const running = await startUntil(phase);
      const { epoch } = (await site.journal.intentOf(site.guest.uuid)) ??
        (await site.journal.latest(site.guest.uuid)) ?? { epoch: 0 };
      const next = await reset(running.runId);
      running.release();
      const { grade, window } = await running.result(next);
      assert.equal(grade, 'filesystem');
      // While it prepares, the freeze is still to come.
      if (phase !== 'prepare') assert.equal(window.epoch, epoch);
      assert.ok((await points()).includes(running.backup));
      await assertWrites(running);
    });

  nothingIsLeft();
});

/** The id of the run that begins. */
async function reset(runId: string): Promise<string> {
  const { client } = site;
  const execution = { workflowId: backupGuest.id(keyOfGuest()), runId };
  const { events } = await handleOf(client, backupGuest, keyOfGuest(), runId).fetchHistory();
  const first = events!.find(({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes)!;
  const answer = await client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: execution,
    reason: 'by an operator',
    workflowTaskFinishEventId: first.eventId!,
    requestId: randomUUID(),
  });
  return answer.runId;
}

it('a backup whose workflow worker is killed in each of its phases goes on to its point', async () => {
  const control = async () => (await site.processes()).pids.control!;
  const running = await startUntil('commit', async (phase, { runId }) => {
    const dead = await control();
    process.kill(dead, 'SIGKILL');
    // The server would keep the workflow for the dead worker's return, for ten seconds each time.
    const execution = { workflowId: backupGuest.id(keyOfGuest()), runId };
    await site.client.workflowService.resetStickyTaskQueue({ namespace: 'default', execution });
    // The guest is not frozen yet: the next one may come first, to be killed in the window.
    if (phase === 'prepare') while ((await control()) === dead) await delay(20);
  });
  running.release();
  assert.equal((await running.result()).grade, 'filesystem');
  await assertWrites(running);
});

describe('a backup whose server loses its database', () => {
  for (const phase of phases)
    it(`in its ${phase} phase leaves the guest alone, and its waiter learns that it is unknown`, async () => {
      const running = await startUntil(phase);
      const { temporal } = (await site.processes()).pids;
      process.kill(temporal!, 'SIGKILL');
      for (const suffix of ['', '-wal', '-shm']) await rm(join(directory, `state/temporal.db${suffix}`), { force: true });
      running.release();
      await site.whole();
      await assert.rejects(running.result(), WorkflowNotFoundError);
      await assertWrites(running);
    });

  nothingIsLeft();
});
