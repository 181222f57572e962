import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openJournal, type Journal } from '../../../host/journal/journal.ts';
import type { WindowOutcome } from '../../../model/window/window.ts';
import { copiesOf } from './copies.ts';
import { writeOldIntent } from './old-intent.ts';
import type { Intent } from '../../../host/journal/intent.ts';
import { backupId, guestId } from '../../../model/ids.ts';
import { forged } from '../../support/forged.ts';
import { makeFolder } from '../../support/folder.ts';

let directory: string;
let journal: Journal;

beforeEach(async () => {
  directory = await makeFolder();
  journal = openJournal({ stateDir: directory });
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
  const other = openJournal({ stateDir: directory });
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
    const mine = openJournal({ stateDir: directory });
    const intent = await mine.begin(intentFor(backup));
    epochs.push(intent.epoch);
    await mine.close(outcomeFor(intent));
  }
  assert.deepEqual(epochs, [1, 2, 3]);
});

test('an intent that an older version wrote with the paths of sockets is read as one with their addresses', async () => {
  const old = { guest: guestId('db1'), backup: backupId('b-1'), attempt: 1, agent: 'qemu-ga' } as const;
  await writeOldIntent(join(directory, 'journal'), { ...old, channel: '/run/own.sock', otherChannel: '/run/db.sock' });
  const { channel, otherChannel } = (await journal.intentOf(guestId('db1')))!;
  assert.deepEqual(
    { channel, otherChannel },
    { channel: { kind: 'socket', path: '/run/own.sock' }, otherChannel: { kind: 'socket', path: '/run/db.sock' } },
  );
  await assert.rejects(journal.begin(intentFor('b-2')), { code: 'obligation-open' });
});

test('a file that was being written when the power went is not an obligation', async () => {
  await journal.begin(intentFor('b-1'));
  for (const [of] of copies) await writeFile(`${copyOf(of)}.77-1.part`, '{"guest":"db1","epo');
  assert.equal((await journal.openIntents()).intents.length, 1);
  await journal.close(outcomeFor((await journal.intentOf(guestId('db1')))!));
  assert.equal(journal.mayHaveIntents(), false);
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
});

/** The two files of a debt. */
const copies = copiesOf('', 'db1').map((path) => [path] as const);
const copyOf = (name: string) => join(directory, name);

const intentText = async (name: string) => readFile(copyOf(name), 'utf8');
const accidents: Record<string, (name: string) => Promise<void>> = {
  removed: (name) => rm(copyOf(name)),
  'removed with its directory': (name) => rm(join(copyOf(name), '..'), { recursive: true }),
  emptied: (name) => writeFile(copyOf(name), ''),
  truncated: async (name) => writeFile(copyOf(name), (await intentText(name)).slice(0, 40)),
  'replaced by garbage': (name) => writeFile(copyOf(name), '\0\xff garbage'),
  'replaced by a directory': (name) =>
    rm(copyOf(name))
      .then(() => mkdir(copyOf(name)))
      .then(() => {}),
  'replaced by an empty object': (name) => writeFile(copyOf(name), '{}'),
  'replaced by null': (name) => writeFile(copyOf(name), 'null'),
  'replaced by another JSON': (name) => writeFile(copyOf(name), '{"guests":[{"name":"db1"}],"epoch":7}'),
  'replaced by the file of another guest': async (name) =>
    writeFile(copyOf(name), (await intentText(name)).replaceAll('"db1"', '"db2"')),
  'left without a channel': async (name) =>
    writeFile(copyOf(name), JSON.stringify({ ...(JSON.parse(await intentText(name)) as Intent), channel: undefined })),
};

for (const [what, happen] of Object.entries(accidents))
  for (const [struck] of copies)
    test(`a thaw stays owed when ${struck} is ${what}`, async () => {
      const intent = await journal.begin(intentFor('b-1'));
      await happen(struck);
      assert.equal(journal.mayHaveIntents(), true);
      assert.deepEqual(await journal.openIntents(), { intents: [intent], damaged: [] });
      assert.deepEqual(await journal.intentOf(guestId('db1')), intent);
      await assert.rejects(journal.begin(intentFor('b-2')), { code: 'obligation-open' });
      if (what === 'replaced by a directory') return;
      await journal.close(outcomeFor(intent));
      assert.equal(journal.mayHaveIntents(), false);
      assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
      assert.equal((await journal.begin(intentFor('b-2'))).epoch, 2);
    });

for (const [what, happen] of Object.entries(accidents).filter(([name]) => !name.startsWith('removed')))
  test(`a debt of which both files are ${what} is reported, and lets no new freeze begin`, async () => {
    await journal.begin(intentFor('b-1'));
    for (const [name] of copies) await happen(name);
    assert.equal(journal.mayHaveIntents(), true);
    const damaged = [{ guest: 'db1', paths: copies.map(([name]) => copyOf(name)) }];
    assert.deepEqual(await journal.openIntents(), { intents: [], damaged });
    await assert.rejects(journal.intentOf(guestId('db1')), { code: 'journal-damaged', message: /guest thaw db1.*then remove/ });
    await assert.rejects(journal.begin(intentFor('b-2')), { code: 'journal-damaged' });
  });

const oldCopy = 'journal/db1/open.json';

test('the only file of a debt of an older version is reported when it cannot be read', async () => {
  const old = { guest: guestId('db1'), backup: backupId('b-1'), attempt: 1, agent: 'qemu-ga' } as const;
  await writeOldIntent(join(directory, 'journal'), { ...old, channel: '/run/db.sock' });
  await writeFile(copyOf(oldCopy), '{');
  const damaged = [{ guest: 'db1', paths: [copyOf(oldCopy)] }];
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged });
});

test('no stray file among the outcomes closes a debt or takes an epoch', async () => {
  const intent = await journal.begin(intentFor('b-1'));
  const outcomes = copyOf('journal/db1/outcomes');
  await mkdir(outcomes, { recursive: true });
  const strays = [
    'zzz.json',
    'notes.txt',
    '999999999999.json',
    'NaN.b-1.1.json',
    '000000000001.b-1.1.json',
    '000000000001.b-9.1.json',
  ];
  for (const [at, name] of strays.entries()) await writeFile(join(outcomes, name), at % 2 === 0 ? '{}' : '{"outcome":{}}');
  assert.deepEqual(await journal.openIntents(), { intents: [intent], damaged: [] });
  assert.equal(await journal.outcome({ guest: guestId('db1'), backup: backupId('b-1'), attempt: 1 }), null);
  await journal.close(outcomeFor(intent));
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
  assert.equal((await journal.begin(intentFor('b-2'))).epoch, 2);
});

for (const left of [copies, copies.slice(0, 1), copies.slice(1)])
  test(`a process that died in the close and left ${left.join(' and ')} owes nothing`, async () => {
    const intent = await journal.begin(intentFor('b-1'));
    const texts = await Promise.all(copies.map(([name]) => intentText(name)));
    await journal.close(outcomeFor(intent));
    for (const [name] of left) await writeFile(copyOf(name), texts[copies.findIndex(([each]) => each === name)]!);
    assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
    assert.equal((await journal.begin(intentFor('b-2'))).epoch, 2);
  });

test('a journal that was removed inside the window is made again by its outcome', async () => {
  const intent = await journal.begin(intentFor('b-1'));
  for (const name of ['journal', 'owed']) await rm(join(directory, name), { recursive: true });
  await journal.close(outcomeFor(intent));
  assert.equal((await journal.latest(guestId('db1')))?.backup, 'b-1');
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
});

test('an outcome that comes late leaves the debt of a later window alone', async () => {
  const first = await journal.begin(intentFor('b-1'));
  for (const name of ['journal', 'owed']) await rm(join(directory, name), { recursive: true });
  const second = await journal.begin(intentFor('b-2'));
  await journal.close(outcomeFor(first));
  assert.deepEqual((await journal.openIntents()).intents, [second]);
});

test('an outcome that comes late cannot remove the debt of a later window, also when it began in the middle of the close', async () => {
  const first = await journal.begin(intentFor('b-1'));
  for (const name of ['journal', 'owed']) await rm(join(directory, name), { recursive: true });
  const closing = journal.close(outcomeFor(first));
  const second = await openJournal({ stateDir: directory }).begin(intentFor('b-2'));
  await closing;
  await rm(copyOf('journal/db1'), { recursive: true });
  assert.deepEqual((await journal.openIntents()).intents, [second]);
});

test('a file of a closed window that cannot be read is no debt, and goes with the next close', async () => {
  await journal.close(outcomeFor(await journal.begin(intentFor('b-1'))));
  for (const [name] of copies) await writeFile(copyOf(name), '{');
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
  await journal.close(outcomeFor(await journal.begin(intentFor('b-2'))));
  assert.equal(journal.mayHaveIntents(), false);
});

test('an intent that could not be written whole owes nothing', async () => {
  await writeFile(join(directory, 'owed'), '');
  await assert.rejects(journal.begin(intentFor('b-1')), { code: 'journal-unwritable' });
  await rm(join(directory, 'owed'));
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
});

test('an unwritable journal refuses before anything is frozen, and says which directory', async () => {
  const blocked = join(directory, 'a-file');
  await writeFile(blocked, '');
  await assert.rejects(openJournal({ stateDir: blocked }).begin(intentFor('b-1')), {
    code: 'journal-unwritable',
    message: /a-file/,
  });
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
  const outcomes = join(directory, 'journal', 'db1', 'outcomes');
  const [name] = await readdir(outcomes);
  const whole = await readFile(join(outcomes, name!), 'utf8');
  await writeFile(join(outcomes, name!), `${whole.slice(0, whole.indexOf('"outcome"'))}"outcome": not JSON at all`);
  assert.equal((await journal.closedAgo(guestId('db1'))).length, 1);
});

test('closed windows of an earlier version, whose records begin with the outcome, are counted too', async () => {
  const outcome = outcomeFor(await journal.begin(intentFor('b-1')));
  await journal.close(outcome);
  const outcomes = join(directory, 'journal', 'db1', 'outcomes');
  const [name] = await readdir(outcomes);
  const { closedMs, hostBoot } = JSON.parse(await readFile(join(outcomes, name!), 'utf8')) as {
    closedMs: number;
    hostBoot: string;
  };
  await writeFile(join(outcomes, name!), JSON.stringify({ outcome, closedMs, hostBoot }));
  const [ago] = await journal.closedAgo(guestId('db1'));
  assert.ok(ago! >= 0 && ago! < 3_600_000);
});
