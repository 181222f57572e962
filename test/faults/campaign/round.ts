/** A round: a fault for each guest, and after them everything that must hold. */

import { guestId } from '../../../model/ids.ts';
import { messageOf } from '../../../model/errors.ts';
import { within } from './bounded.ts';
import { leftovers, runState, stillWrites, verifyPoints, whole } from './checks.ts';
import { begin, ended, endMs, runLane, type LaneReport } from './lane.ts';
import type { Fault } from './plan.ts';
import { countUp, type CampaignReport } from './report.ts';
import type { CampaignSite } from './site.ts';

/** What was found, a sentence each. A step that fails does not keep the others from being taken. */
export async function runRound(site: CampaignSite, faults: readonly Fault[], report: CampaignReport): Promise<string[]> {
  const found: string[] = [];
  /** Whether it could be taken to its end. */
  const step = async (name: string, work: () => Promise<string[]>): Promise<boolean> => {
    const sinceMs = performance.now();
    const problem = await work().then(
      (some) => void found.push(...some),
      (error: unknown) => found.push(messageOf(error)),
    );
    report.secondsOf[name] = (report.secondsOf[name] ?? 0) + (performance.now() - sinceMs) / 1000;
    return problem === undefined;
  };
  const acknowledged = new Map<string, Map<string, number>>();
  let lanes: LaneReport[] = [];
  await step('faults', async () => {
    for (const { guest } of [...site.guests, { guest: site.idle }]) guest.console.mark();
    lanes = await Promise.all(site.guests.map((of, index) => runLane(site, of, faults[index]!)));
    for (const { operation } of lanes) if (operation) acknowledged.set(operation.backup, operation.acknowledged);
    countBlows(lanes, faults, report);
    await site.revive();
    return lanes.flatMap(({ problem }) => problem ?? []);
  });
  await step('writes', () => guestsGoOn(site, lanes, report));
  await countLayers(site, lanes, report);
  const isWhole = await step('whole', () => whole(site).then(() => []));
  // By turns: what is left is seen before a backup that would take it away, and a backup comes before anything has been taken away.
  const clean = () => step('clean', () => nothingLeft(site, report));
  const isCleanFirst = report.rounds % 2 === 0;
  if (isCleanFirst) await clean();
  // Without the server or the worker it could only repeat what was found.
  if (isWhole) await step('next backups', () => nextSucceeds(site, acknowledged, report));
  if (!isCleanFirst) await clean();
  await step('points', () => pointsHold(site, acknowledged, report));
  return found;
}

function countBlows(lanes: readonly LaneReport[], faults: readonly Fault[], report: CampaignReport): void {
  for (const [index, { struck, reached }] of lanes.entries()) {
    report.kills += struck.length;
    for (const { target } of struck) countUp(report.byTarget, target);
    for (const at of struck.keys()) countUp(report.byPhase, at > 0 ? 'restart' : reached ? faults[index]!.phase : 'elsewhere');
  }
}

async function pointsHold(
  site: CampaignSite,
  acknowledged: ReadonlyMap<string, ReadonlyMap<string, number>>,
  report: CampaignReport,
): Promise<string[]> {
  const found: string[] = [];
  for (const { id, grade, problem } of await verifyPoints(site, acknowledged)) {
    report.verifiedPoints++;
    if (problem === null) continue;
    report.falseGrades++;
    found.push(`point ${id} claims ${grade}: ${problem}`);
  }
  return found;
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
      const stallMs = of.guest.console.longestStallMs();
      if (stalls === report.longestStallMs && stallMs > stalls[of.agent]) report.longestStallRound[of.agent] = report.rounds;
      stalls[of.agent] = Math.max(stalls[of.agent], stallMs);
    }),
  );
  report.idleStallMs = Math.max(report.idleStallMs, site.idle.console.longestStallMs());
  return found;
}

async function countLayers(site: CampaignSite, lanes: readonly LaneReport[], report: CampaignReport): Promise<void> {
  for (const [index, { operation }] of lanes.entries()) {
    if (operation === null) continue;
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
  acknowledged: Map<string, ReadonlyMap<string, number>>,
  report: CampaignReport,
): Promise<string[]> {
  const found = await Promise.all(
    site.guests.map(async (of) => {
      report.nextBackups++;
      try {
        const operation = await begin(site, of, 'backup');
        acknowledged.set(operation.backup, operation.acknowledged);
        await ended(of, operation);
        await within(endMs, 'the result', operation.handle.result());
        return [];
      } catch (error) {
        report.nextFailed++;
        return [`the next backup of ${of.guest.name} failed: ${rootOf(error)}`];
      }
    }),
  );
  return found.flat();
}

function rootOf(error: unknown): string {
  const cause = error instanceof Error && error.cause ? rootOf(error.cause) : '';
  return cause === '' ? messageOf(error) : `${messageOf(error)}: ${cause}`;
}
