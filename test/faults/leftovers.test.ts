/** What a backup leaves when its worker or its workflow is gone: within a minute nothing, and nothing that the next backup stumbles over. */

import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { after, before, beforeEach, test } from 'node:test';
import { handleOf } from '../../client/workflows.ts';
import { startSite, type Site } from '../../demo/site.ts';
import { guestId } from '../../model/ids.ts';
import { backupGuest } from '../../model/workflows/backup-guest.ts';
import { makeFolder } from '../support/folder.ts';
import { leftAfterAMinute, leftBehind } from './left-behind.ts';
import { command, startCommand } from './operator.ts';

let directory: string;
let site: Site;

before(async () => {
  directory = await makeFolder();
  site = await startSite(directory);
});
after(async () => {
  await site?.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => site.whole());

const workflow = () => handleOf(site.client, backupGuest, { guest: guestId(site.guest.uuid) });

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`a worker that gets ${signal} while it prepares leaves nothing, and the next backup, or this one, succeeds at its first try`, async () => {
    const hold = site.proxy.hold('blockdev-add');
    const backup = await startCommand(site, ['backup', 'run', 'db1']);
    await hold.seen;
    assert.notDeepEqual(await leftBehind(directory, site), []);
    process.kill(await site.hostWorker(), signal);
    if (signal === 'SIGTERM') hold.release();
    const ended = await backup.done;
    hold.release();
    // Nothing was frozen by a window that was lost, so another one is taken; a worker that ends in order refuses it instead.
    assert.equal(ended.status === 0, signal === 'SIGKILL', ended.stderr);
    await site.whole();
    const next = await command(site, 'backup', 'run', 'db1');
    assert.equal(next.status, 0, next.stderr);
    assert.deepEqual(await leftAfterAMinute(directory, site), []);
  });
}

test('a backup whose workflow is terminated while it copies leaves nothing, and does not hold up the next one', async () => {
  const hold = site.proxy.hold('block-export-add');
  const backup = await startCommand(site, ['backup', 'run', 'db1']);
  await hold.seen;
  await workflow().terminate('by an operator');
  hold.release();
  assert.equal((await backup.done).status, 5);
  const next = await command(site, 'backup', 'run', 'db1');
  assert.equal(next.status, 0, next.stderr);
  assert.deepEqual(await leftAfterAMinute(directory, site), []);
});

test('a backup whose workflow is terminated leaves nothing a minute later, also when no other follows', async () => {
  const hold = site.proxy.hold('block-export-add');
  const backup = await startCommand(site, ['backup', 'run', 'db1']);
  await hold.seen;
  await workflow().terminate('by an operator');
  hold.release();
  await backup.done;
  assert.deepEqual(await leftAfterAMinute(directory, site), []);
});

test('a worker that ends in order in the middle of a copy hands the copy to the next one', async () => {
  const hold = site.proxy.hold('block-export-add');
  const backup = await startCommand(site, ['backup', 'run', 'db1']);
  await hold.seen;
  process.kill(await site.hostWorker(), 'SIGTERM');
  hold.release();
  const ended = await backup.done;
  assert.equal(ended.status, 0, ended.stderr);
  assert.deepEqual(await leftAfterAMinute(directory, site), []);
});

test('a copy whose process is stopped is given up and done again, and its backup succeeds', async () => {
  const backup = await startCommand(site, ['backup', 'run', 'db1']);
  process.kill(await copyOf(await site.hostWorker()), 'SIGSTOP');
  const ended = await backup.done;
  assert.equal(ended.status, 0, ended.stderr);
  assert.deepEqual(await leftAfterAMinute(directory, site), []);
});

/** The process of the copy, as soon as there is one. */
async function copyOf(worker: number): Promise<number> {
  for (;;) {
    const children = (await readFile(`/proc/${worker}/task/${worker}/children`, 'utf8')).trim().split(' ').filter(Boolean);
    for (const pid of children)
      if ((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes('copy-child')) return Number(pid);
    await new Promise(setImmediate);
  }
}
