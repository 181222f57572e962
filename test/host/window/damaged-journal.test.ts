/** A journal that is removed, damaged or refused inside a window: the guest is thawed, and whoever waits for the outcome gets it. */

import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectAgent } from '../../../host/channel/agent-channel.ts';
import { settle } from '../../../host/window/settle.ts';
import { backupId } from '../../../model/ids.ts';
import { assertThawed, db1, onEither, refused, request, setStage, verdict, type Kind, type Stage } from './stage.ts';
import { copiesOf } from '../journal/copies.ts';

const clean = { thawedBy: 'window', closing: 'status-thawed', reasons: [], failure: null, point: true };
const next = { ...request, backup: backupId('b-2') };

const directories = ({ directory }: Stage) => ['journal', 'owed'].map((name) => join(directory, name));

async function removeJournal(stage: Stage): Promise<void> {
  for (const path of directories(stage)) await rm(path, { recursive: true });
}

/** A file where the journal's directory was: no error that goes by itself. */
async function blockJournal(stage: Stage): Promise<void> {
  const [journal] = directories(stage);
  await rm(journal!, { recursive: true });
  await writeFile(journal!, 'no directory');
}

async function damageIntent({ directory }: Stage): Promise<void> {
  for (const path of copiesOf(directory, db1)) await writeFile(path, '{}');
}

/** As a process that died leaves it. */
function dieInsideWindow({ agent, journal }: Stage, kind: Kind) {
  agent.frozen = true;
  if (agent.own) agent.own.epoch = 1;
  const claim = {
    agent: kind,
    version: '11.1.3',
    filesystems: [],
    frozenCount: null,
    thawedCount: null,
    frozenAfterPointInTime: false,
  };
  return journal.begin({ ...request, guestName: 'db', leaseMs: 20_000, channel: agent.address, claim });
}

onEither('a journal that is removed inside the window is made again, and the next window begins', async (t, kind) => {
  const stage = await setStage(t, { kind });
  stage.driver.begin = () => removeJournal(stage);
  const outcome = await stage.windows.freezeWindow(request);
  assert.deepEqual(verdict(outcome), clean);
  await assertThawed(stage);
  assert.deepEqual(await stage.windows.outcome(request), outcome);
  stage.driver.begin = async () => {};
  assert.deepEqual(verdict(await stage.windows.freezeWindow(next)), clean);
});

it('an outcome that the journal refuses reaches its caller, gives the turn back, and is journalled when it can be', async (t) => {
  const stage = await setStage(t);
  const said = stage.says('cannot be journalled (try 2)');
  stage.driver.begin = () => blockJournal(stage);
  const outcome = await stage.windows.freezeWindow(request);
  assert.deepEqual(verdict(outcome), clean);
  assert.equal(stage.agent.frozen, false);
  await said;
  await refused(stage.windows.freezeWindow(next), 'obligation-open');
  await rm(directories(stage)[0]!);
  while ((await stage.windows.outcome(request)) === null) await delay(50);
  await assertThawed(stage);
  stage.driver.begin = async () => {};
  assert.deepEqual(verdict(await stage.windows.freezeWindow(next)), clean);
});

onEither('an operator’s thaw works where the journal cannot say what is owed; others are told so', async (t, kind) => {
  const stage = await setStage(t, { kind });
  await dieInsideWindow(stage, kind);
  await damageIntent(stage);
  await refused(stage.windows.ensureThawed(db1, 'workflow'), 'journal-damaged');
  assert.equal(stage.agent.frozen, true);
  const report = await stage.windows.ensureThawed(db1, 'operator');
  assert.deepEqual([report.status, stage.agent.frozen], ['thawed', false]);
});

onEither('an operator’s thaw works where the outcome cannot be written', async (t, kind) => {
  const stage = await setStage(t, { kind });
  await dieInsideWindow(stage, kind);
  await blockJournal(stage);
  const report = await stage.windows.ensureThawed(db1, 'operator');
  assert.deepEqual([report.was, report.outcome?.thawedBy, stage.agent.frozen], ['open', 'operator', false]);
  assert.equal((await stage.journal.intentOf(db1))?.epoch, 1);
});

onEither('a pursuit goes on when the journal is damaged in the middle of it', async (t, kind) => {
  const stage = await setStage(t, { kind });
  const intent = await dieInsideWindow(stage, kind);
  const outcome = await settle(intent, {
    journal: stage.journal,
    by: 'warden',
    log: () => {},
    async connect(address) {
      await damageIntent(stage);
      return connectAgent(address);
    },
  });
  assert.deepEqual([outcome.thawedBy, outcome.closing], ['warden', 'status-thawed']);
  await assertThawed(stage);
});

it('a guest that a window left frozen under a journal directory of another kind is thawed by the second copy', async (t) => {
  const stage = await setStage(t);
  await dieInsideWindow(stage, 'qemu-ga');
  const [journal] = directories(stage);
  await rm(journal!, { recursive: true });
  await mkdir(copiesOf(stage.directory, db1)[0], { recursive: true });
  const { outcome } = await stage.windows.ensureThawed(db1, 'guardian');
  assert.deepEqual([outcome?.thawedBy, stage.agent.frozen], ['guardian', false]);
});
