import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { drills, runDrill, type DrillReport, type Fault, type Form } from '../../demo/drills.ts';
import { startSite, type Site } from '../../demo/site.ts';
import { makeFolder } from '../support/folder.ts';

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

/**
 * Who must have thawed; a window without a disturbance from outside ends itself. Of a stopped worker's guest it is the guest itself, and the
 * warden a quarter of a second later, which on a machine that is busy with other tests can be first.
 */
const expected: Partial<Record<Fault, Record<Form, DrillReport['thawedBy']>>> = {
  'snapshot fails': { whole: 'window', held: 'window' },
  'worker killed': { whole: 'warden', held: 'warden' },
  'host stopped': { whole: 'guest', held: 'guest' },
  'server killed': { whole: 'window', held: 'lease' },
  'workflow terminated': { whole: 'lease', held: 'lease' },
};

/**
 * A safety bound, by the writers' own clock: the lease, the quarter of a second after which the guest ends it by itself, and a machine
 * that is busy with other tests.
 */
const slackMs = 8_000;

for (const { form, fault } of drills) {
  test(`${fault} inside a ${form} window: the guest is thawed and writes again`, async () => {
    const report = await runDrill(site, form, fault);
    assert.equal(report.left, 'thawed');
    if (fault === 'worker stopped') assert.ok(['guest', 'warden'].includes(report.thawedBy), report.thawedBy);
    else assert.equal(report.thawedBy, expected[fault]?.[form]);
    assert.ok(report.longestStallMs < report.leaseMs + slackMs, `stalled for ${report.longestStallMs} ms`);
    assert.equal(report.guardian, fault === 'workflow terminated' ? 'confirmed' : undefined);
    assert.deepEqual((await site.journal.openIntents()).intents, []);
  });
}
