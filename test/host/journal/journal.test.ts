import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openJournal, type Journal } from '../../../host/journal/journal.ts';
import type { WindowOutcome } from '../../../model/window/window.ts';
import { writeOldIntent } from './old-intent.ts';
import type { Intent } from '../../../host/journal/intent.ts';
import { backupId, guestId } from '../../../model/ids.ts';
import { forged } from '../../support/forged.ts';
import { makeFolder } from '../../support/folder.ts';

let directory: string;
let journal: Journal;

beforeEach(async () => {
  directory = await makeFolder();
  journal = openJournal(directory);
});
afterEach(() => rm(directory, { recursive: true }));

const claim = {
  agent: 'qemu-ga',
  version: '7.2',
  filesystems: [],
  frozenCount: null,
  thawedCount: null,
  frozenAfterPointInTime: false,
} as const;
const intentFor = (backup: string, guest = 'db1') => ({
  guest: guestId(guest),
  guestName: 'db',
  backup: backupId(backup),
  attempt: 1,
  leaseMs: 5000,
  channel: { kind: 'socket' as const, path: '/run/db.sock' },
  claim: { ...claim, filesystems: [] },
});

function outcomeFor(intent: Pick<Intent, 'guest' | 'backup' | 'epoch'>): WindowOutcome {
  return {
    guest: intent.guest,
    backup: intent.backup,
    attempt: 1,
    epoch: intent.epoch,
    leaseMs: 5000,
    openedAt: '2026-11-24T00:00:00Z',
    closedAt: new Date().toISOString(),
    pointInTimeAt: null,
    times: { freezeMs: null, pointInTimeMs: null, proofMs: null, thawMs: null, heldMs: null },
    thawedBy: 'window',
    closing: 'status-thawed',
    claim: { ...claim, filesystems: [] },
    disks: [],
    skipped: [],
    reference: null,
    reasons: [],
    failure: null,
  };
}

test('an intent is found by another process until its outcome is written', async () => {
  const other = openJournal(directory);
  assert.equal(other.mayHaveIntents(), false);
  const intent = await journal.begin(intentFor('b-1'));
  assert.equal(other.mayHaveIntents(), true);
  assert.deepEqual((await other.openIntents()).intents, [intent]);
  await journal.close(outcomeFor(intent));
  assert.equal(other.mayHaveIntents(), false);
  assert.deepEqual((await other.openIntents()).intents, []);
  assert.equal((await other.outcome({ guest: guestId('db1'), backup: backupId('b-1'), attempt: 1 }))?.epoch, intent.epoch);
  assert.equal(await other.outcome({ guest: guestId('db1'), backup: backupId('b-1'), attempt: 2 }), null);
});

test('a guest that is owed a thaw gets no second freeze', async () => {
  await journal.begin(intentFor('b-1'));
  await assert.rejects(journal.begin(intentFor('b-2')), { code: 'obligation-open' });
  await journal.begin(intentFor('b-3', 'other-guest'));
});

test('an epoch is never used again, by any process that opens the journal', async () => {
  const epochs: number[] = [];
  for (const backup of ['b-1', 'b-2', 'b-3']) {
    const mine = openJournal(directory);
    const intent = await mine.begin(intentFor(backup));
    epochs.push(intent.epoch);
    await mine.close(outcomeFor(intent));
  }
  assert.deepEqual(epochs, [1, 2, 3]);
});

test('a process that died between writing the outcome and removing the intent owes nothing', async () => {
  const intent = await journal.begin(intentFor('b-1'));
  const open = join(directory, 'db1', 'open.json');
  await journal.close(outcomeFor(intent));
  await writeFile(open, JSON.stringify(intent));
  assert.deepEqual((await journal.openIntents()).intents, []);
  assert.equal((await journal.begin(intentFor('b-2'))).epoch, 2);
});

test('an intent that an older version wrote with the paths of sockets is read as one with their addresses', async () => {
  const old = { guest: guestId('db1'), backup: backupId('b-1'), attempt: 1, agent: 'qemu-ga' } as const;
  await writeOldIntent(directory, { ...old, channel: '/run/own.sock', otherChannel: '/run/db.sock' });
  const { channel, otherChannel } = (await journal.intentOf(guestId('db1')))!;
  assert.deepEqual(
    { channel, otherChannel },
    { channel: { kind: 'socket', path: '/run/own.sock' }, otherChannel: { kind: 'socket', path: '/run/db.sock' } },
  );
  await assert.rejects(journal.begin(intentFor('b-2')), { code: 'obligation-open' });
});

test('a file that was being written when the power went is not an obligation; a damaged one is named', async () => {
  await journal.begin(intentFor('b-1'));
  await writeFile(join(directory, 'db1', 'open.json.77.tmp'), '{"guest":"db1","epo');
  assert.equal((await journal.openIntents()).intents.length, 1);
  await writeFile(join(directory, 'db1', 'open.json'), '{"guest":"db1","epo');
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [join(directory, 'db1', 'open.json')] });
});

test('an unwritable journal refuses before anything is frozen, and says which directory', async () => {
  const blocked = join(directory, 'a-file');
  await writeFile(blocked, '');
  await assert.rejects(openJournal(blocked).begin(intentFor('b-1')), { code: 'journal-unwritable', message: /a-file/ });
});

test('an intent whose outcome could not be written is refused before anything is owed', async () => {
  const wrong = [
    { backup: forged('no/such') },
    { backup: forged('x'.repeat(200)) },
    { attempt: 0 },
    { attempt: forged('1/../2') },
  ];
  for (const part of wrong)
    await assert.rejects(journal.begin({ ...intentFor('b-1'), ...part }), { code: 'input-invalid' }, JSON.stringify(part));
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
});

test('a guest id that is a path never reaches the file system', async () => {
  await assert.rejects(journal.begin({ ...intentFor('b-1'), guest: forged('../escape') }), { code: 'input-invalid' });
  assert.deepEqual(await readdir(directory), []);
});

test('closed windows are listed newest first, by a clock that cannot be set', async () => {
  for (const backup of ['b-1', 'b-2']) await journal.close(outcomeFor(await journal.begin(intentFor(backup))));
  const [newest, older] = await journal.closedAgo(guestId('db1'));
  assert.ok(newest! >= 0 && older! >= newest!);
  assert.equal((await journal.latest(guestId('db1')))?.backup, 'b-2');
});

test('closed windows are counted by the beginnings of their records, whatever stands behind', async () => {
  await journal.close(outcomeFor(await journal.begin(intentFor('b-1'))));
  const outcomes = join(directory, 'db1', 'outcomes');
  const [name] = await readdir(outcomes);
  const whole = await readFile(join(outcomes, name!), 'utf8');
  await writeFile(join(outcomes, name!), `${whole.slice(0, whole.indexOf('"outcome"'))}"outcome": not JSON at all`);
  assert.equal((await journal.closedAgo(guestId('db1'))).length, 1);
});

test('closed windows of an earlier version, whose records begin with the outcome, are counted too', async () => {
  const outcome = outcomeFor(await journal.begin(intentFor('b-1')));
  await journal.close(outcome);
  const outcomes = join(directory, 'db1', 'outcomes');
  const [name] = await readdir(outcomes);
  const { closedMs, hostBoot } = JSON.parse(await readFile(join(outcomes, name!), 'utf8')) as {
    closedMs: number;
    hostBoot: string;
  };
  await writeFile(join(outcomes, name!), JSON.stringify({ outcome, closedMs, hostBoot }));
  const [ago] = await journal.closedAgo(guestId('db1'));
  assert.ok(ago! >= 0 && ago! < 3_600_000);
});
