/** A short campaign with a fixed seed: what the long one checks after each round holds after these. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { runCampaign } from './campaign/campaign.ts';
import { cutConnections } from './campaign/cut.ts';
import { planRound } from './campaign/plan.ts';
import { openReport } from './campaign/report.ts';
import { campaignLeaseMs } from './campaign/site.ts';

/** Its first two rounds cut a channel in the window, stop warden, agent and the server's connections for longer than the lease, and kill the worker. */
const seed = 16;
const kills = 8;

test('the plan of a round follows from its seed and its number alone', () => {
  assert.deepEqual(planRound(seed, 1, 4), planRound(seed, 1, 4));
  assert.notDeepEqual(planRound(seed, 1, 4), planRound(seed, 2, 4));
  assert.notDeepEqual(planRound(seed, 1, 4), planRound(seed + 1, 1, 4));
});

test('a cut that counts ends a connection at both of its ends, and none on another socket', async (t) => {
  const folder = await temporaryFolder(t);
  const [one, other] = await Promise.all(['one', 'other'].map((name) => connected(t, join(folder, name))));
  // The kernel may be set not to let a process take another one's descriptors (Yama, ptrace_scope): nothing is cut then, nor counted.
  if ((await cutConnections(process.pid, one!.path)) === 1) await Promise.all(one!.closed);
  else assert.ok(one!.ends.every((end) => end.readable && end.writable));
  assert.ok(other!.ends.every((end) => end.readable && end.writable));
});

async function connected(t: TestContext, path: string) {
  const server = createServer().listen(path);
  await once(server, 'listening');
  t.after(() => server.close());
  const accepted = once(server, 'connection');
  const client = createConnection(path);
  const ends = [client, ...((await accepted) as Socket[])];
  t.after(() => ends.forEach((end) => end.destroy()));
  return { path, ends, closed: ends.map((end) => once(end.resume(), 'close')) };
}

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
