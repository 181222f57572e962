/** A campaign: rounds of faults over all guests at once, and after each round everything that must hold. */

import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { guestId } from '../../../model/ids.ts';
import { messageOf } from '../../../model/errors.ts';
import { makeFolder } from '../../support/folder.ts';
import { leftovers, runState, stillWrites, verifyPoints, whole } from './checks.ts';
import { begin, ended, runLane, type LaneReport } from './lane.ts';
import { describe, planRound, type Fault } from './plan.ts';
import { countUp, type CampaignReport } from './report.ts';
import { startCampaignSite, type CampaignSite } from './site.ts';

export interface CampaignOptions {
  report: CampaignReport;
  /** Ends after the round in which this many have hit. */
  kills: number;
  /** Guests of each agent. */
  guestsOfEach: number;
  /** Where evidence is kept; nowhere when null. */
  evidence: string | null;
  signal: AbortSignal;
  say: (line: string) => void;
  /** Called after each round. */
  save: () => Promise<void>;
}

export async function runCampaign(options: CampaignOptions): Promise<void> {
  const { report, kills, signal, say, save } = options;
  let site: CampaignSite | undefined;
  const leave = async () => {
    const left = site;
    site = undefined;
    await left?.stop();
    if (left) await rm(left.directory, { recursive: true, force: true });
  };
  try {
    while (report.kills < kills && !signal.aborted) {
      site ??= await startCampaignSite(await makeFolder(), options.guestsOfEach);
      const startedMs = performance.now();
      const faults = planRound(report.seed, report.rounds, site.guests.length);
      const found = await runRound(site, faults, report).catch((error: unknown) => [messageOf(error)]);
      report.rounds++;
      report.seconds += (performance.now() - startedMs) / 1000;
      for (const what of found) {
        const kept = await keepEvidence(site, options.evidence, report.rounds);
        report.findings.push({ round: report.rounds - 1, what, faults: faults.map(describe), kept });
        say(`FOUND in round ${report.rounds - 1}: ${what}`);
      }
      await save();
      say(
        `round ${report.rounds}: ${report.kills} kills, ${((report.seconds || 1) / Math.max(1, report.kills)).toFixed(1)} s each, ${report.findings.length} findings`,
      );
      // What a finding left behind must not be found again.
      if (found.length > 0) await leave();
    }
  } finally {
    await leave();
  }
}

/** What was found, a sentence each. */
async function runRound(site: CampaignSite, faults: readonly Fault[], report: CampaignReport): Promise<string[]> {
  const found: string[] = [];
  const lap = lapsOf(report);
  for (const { guest } of [...site.guests, { guest: site.idle }]) guest.console.mark();
  const lanes = await Promise.all(site.guests.map((of, index) => runLane(site, of, faults[index]!)));
  await site.revive();
  lap('faults');
  for (const [index, { struck, reached }] of lanes.entries()) {
    report.kills += struck.length;
    for (const { target } of struck) countUp(report.byTarget, target);
    for (const at of struck.keys()) countUp(report.byPhase, at > 0 ? 'restart' : reached ? faults[index]!.phase : 'elsewhere');
  }
  found.push(...(await guestsGoOn(site, lanes, report)));
  await countLayers(site, lanes, report);
  lap('writes');
  await whole(site);
  lap('whole');
  // By turns: what is left is seen before a backup that would take it away, and a backup comes before anything has been taken away.
  const cleanFirst = report.rounds % 2 === 0;
  if (cleanFirst) found.push(...(await nothingLeft(site, report)));
  const acknowledged = new Map(lanes.map(({ operation }) => [String(operation.backup), operation.acknowledged]));
  found.push(...(await nextSucceeds(site, acknowledged, report)));
  if (!cleanFirst) found.push(...(await nothingLeft(site, report)));
  lap('clean, and next backups');
  for (const { id, grade, problem } of await verifyPoints(site, acknowledged)) {
    report.verifiedPoints++;
    if (problem === null) continue;
    report.falseGrades++;
    found.push(`point ${id} claims ${grade}: ${problem}`);
  }
  lap('points');
  return found;
}

/** Notes where the time of a round goes. */
function lapsOf({ secondsOf }: CampaignReport): (what: string) => void {
  let sinceMs = performance.now();
  return (what) => {
    secondsOf[what] = (secondsOf[what] ?? 0) + (performance.now() - sinceMs) / 1000;
    sinceMs = performance.now();
  };
}

async function guestsGoOn(site: CampaignSite, lanes: readonly LaneReport[], report: CampaignReport): Promise<string[]> {
  const found: string[] = [];
  await Promise.all(
    site.guests.map(async (of, index) => {
      const problem = await stillWrites(of);
      const state = await runState(of);
      if (state !== 'running') found.push(`guest ${of.guest.name} is ${state}`);
      if (problem !== null) {
        report.leftFrozen++;
        found.push(`guest ${of.guest.name} (${of.agent}) does not write: ${problem}`);
      }
      const stalls = lanes[index]!.struck.some(({ target }) => target === 'agent')
        ? report.longestStallOfStruckAgentMs
        : report.longestStallMs;
      stalls[of.agent] = Math.max(stalls[of.agent], of.guest.console.longestStallMs());
    }),
  );
  report.idleStallMs = Math.max(report.idleStallMs, site.idle.console.longestStallMs());
  return found;
}

async function countLayers(site: CampaignSite, lanes: readonly LaneReport[], report: CampaignReport): Promise<void> {
  for (const [index, { operation }] of lanes.entries()) {
    const latest = await site.journal.latest(guestId(site.guests[index]!.guest.uuid)).catch(() => null);
    countUp(report.byLayer, latest?.backup === operation.backup ? latest.thawedBy : 'no window');
  }
}

async function nothingLeft(site: CampaignSite, report: CampaignReport): Promise<string[]> {
  const { left, ms } = await leftovers(site);
  report.longestOrphanSeconds = Math.max(report.longestOrphanSeconds, Math.round(ms / 100) / 10);
  if (left.length === 0) return [];
  report.orphans += left.length;
  return [`left after a minute: ${left.join(', ')}`];
}

async function nextSucceeds(
  site: CampaignSite,
  acknowledged: Map<string, Map<string, number>>,
  report: CampaignReport,
): Promise<string[]> {
  const found: string[] = [];
  await Promise.all(
    site.guests.map(async (of) => {
      report.nextBackups++;
      const operation = await begin(site, of, 'backup');
      acknowledged.set(operation.backup, operation.acknowledged);
      const status = await ended(of, operation);
      if (status === 'COMPLETED') return;
      report.nextFailed++;
      const why = await operation.handle.result().catch((error: unknown) => rootOf(error));
      found.push(`the next backup of ${of.guest.name} ${status}: ${String(why)}`);
    }),
  );
  return found;
}

function rootOf(error: unknown): string {
  const cause = error instanceof Error && error.cause ? rootOf(error.cause) : '';
  return cause === '' ? messageOf(error) : `${messageOf(error)}: ${cause}`;
}

/** Logs, journal and records; images only where they are evidence of a false grade, in the repository. */
async function keepEvidence(site: CampaignSite, evidence: string | null, round: number): Promise<string | null> {
  if (evidence === null) return null;
  const into = join(evidence, `round-${round}`);
  await mkdir(into, { recursive: true });
  for (const name of ['up.log', 'host.yaml', 'state', 'repository'])
    await cp(join(site.directory, name), join(into, name), { recursive: true, filter: (path) => !path.endsWith('.sock') }).catch(
      () => {},
    );
  return into;
}
