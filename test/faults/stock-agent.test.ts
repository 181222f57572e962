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

/** By the writers' own clock, on a machine that is busy with other tests. */
const slackMs = 8_000;

for (const { form, fault, what } of [
  { form: 'whole', fault: 'worker killed', what: 'the worker is killed' },
  { form: 'held', fault: 'worker stopped', what: 'the worker is stopped' },
  { form: 'held', fault: 'warden killed', what: 'the worker is stopped and its warden killed' },
  { form: 'whole', fault: 'agent killed', what: 'the worker and the agent are killed' },
] as const)
  test(`a warden thaws when ${what} inside a window, because the stock agent has no lease`, async (t) => {
    const report = await runDrill(site, form, fault);
    assert.deepEqual({ left: report.left, thawedBy: report.thawedBy }, { left: 'thawed', thawedBy: 'warden' });
    t.diagnostic(`the writers stood for ${report.longestStallMs} ms at a lease of ${report.leaseMs} ms`);
    assert.ok(report.longestStallMs < report.leaseMs + slackMs, `stalled for ${report.longestStallMs} ms`);
  });
