/** A short campaign with a fixed seed: what the long one checks after each round holds after these. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { runCampaign } from './campaign/campaign.ts';
import { planRound } from './campaign/plan.ts';
import { openReport } from './campaign/report.ts';
import { campaignLeaseMs } from './campaign/site.ts';

/** Its first two rounds strike the worker in the window of either form and in the copy, the warden, an agent and a monitor. */
const seed = 5;
const kills = 8;

test('the plan of a round follows from its seed and its number alone', () => {
  assert.deepEqual(planRound(seed, 1, 4), planRound(seed, 1, 4));
  assert.notDeepEqual(planRound(seed, 1, 4), planRound(seed, 2, 4));
  assert.notDeepEqual(planRound(seed, 1, 4), planRound(seed + 1, 1, 4));
});

test('after random faults each guest writes, nothing is left, the next backup succeeds, and points hold what they claim', async (t) => {
  const path = join(await temporaryFolder(t), 'report.json');
  const report = await openReport(path, seed, campaignLeaseMs);
  await runCampaign({
    report,
    kills,
    guestsOfEach: 1,
    evidence: null,
    signal: t.signal,
    say: (line) => t.diagnostic(line),
    save: async () => {},
  });
  assert.deepEqual(report.findings, []);
  const { leftFrozen, orphans, nextFailed, falseGrades } = report;
  assert.deepEqual(
    { leftFrozen, orphans, nextFailed, falseGrades },
    { leftFrozen: 0, orphans: 0, nextFailed: 0, falseGrades: 0 },
  );
  assert.ok(report.kills >= kills && report.verifiedPoints > 0);
});
