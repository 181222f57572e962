/** A guest whose owner keeps the stock qemu-ga gets the same backups; what only our agent can report is missing from the proof. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { runDrill } from '../../demo/drills.ts';
import { startSite, type Site } from '../../demo/site.ts';
import { openRepository } from '../../repository/points.ts';
import { command } from './operator.ts';
import { makeFolder } from '../support/folder.ts';

let directory: string;
let site: Site;

before(async () => {
  directory = await makeFolder();
  site = await startSite(directory, { agent: 'qemu-ga' });
  await site.whole();
});
after(async () => {
  await site?.stop();
  await rm(directory, { recursive: true, force: true });
});

test('a backup by the stock agent, which answers on the classic port only, is a filesystem point', async () => {
  const taken = await command(site, 'backup', 'run', 'db1');
  assert.equal(taken.status, 0, taken.stderr);
  assert.match(taken.stdout, /agent +qemu-ga \d+\.\d+/);
  const { points } = await (await openRepository(site.repository)).list();
  assert.equal(points[0]?.grade, 'filesystem');
  assert.equal(points[0]?.window.claim.lease, undefined);
});

test('the warden thaws when the worker is killed inside a window, because the stock agent has no lease', async () => {
  const report = await runDrill(site, 'whole', 'worker killed');
  assert.deepEqual({ left: report.left, thawedBy: report.thawedBy }, { left: 'thawed', thawedBy: 'warden' });
});
