/** A campaign: rounds of faults over all guests at once until enough have hit, what each found, and the evidence of it. */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../lib/run.ts';
import { messageOf } from '../../../model/errors.ts';
import { makeFolder } from '../../support/folder.ts';
import { within } from './bounded.ts';
import { describe, planRound } from './plan.ts';
import type { CampaignReport, Finding } from './report.ts';
import { runRound } from './round.ts';
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
    if (!left) return;
    await left.stop().catch((error: unknown) => note(report, say, { what: messageOf(error), faults: [], kept: null }));
    await rm(left.directory, { recursive: true, force: true });
  };
  try {
    while (report.kills < kills && !signal.aborted) {
      site ??= await within(siteMs, 'the start of the site', startCampaignSite(await makeFolder(), options.guestsOfEach));
      const startedMs = performance.now();
      const falseBefore = report.falseGrades;
      const faults = planRound(report.seed, report.rounds, site.guests.length);
      const found = await runRound(site, faults, report);
      const withImages = report.falseGrades > falseBefore;
      const kept = found.length > 0 ? await keepEvidence(site, options.evidence, report.rounds, withImages) : null;
      for (const what of found) note(report, say, { what, faults: faults.map(describe), kept });
      report.rounds++;
      report.seconds += (performance.now() - startedMs) / 1000;
      // What a finding left behind must not be found again.
      if (found.length > 0) await leave();
      await save();
      const each = (report.seconds / Math.max(1, report.kills)).toFixed(1);
      say(`round ${report.rounds}: ${report.kills} kills, ${each} s each, ${report.findings.length} findings`);
    }
  } finally {
    await leave();
    await save();
  }
}

/** The lab makes its guests once, of packages; after that they continue from memory within seconds. */
const siteMs = 900_000;

function note(report: CampaignReport, say: (line: string) => void, found: Omit<Finding, 'round'>): void {
  report.findings.push({ round: report.rounds, ...found });
  say(`FOUND in round ${report.rounds}: ${found.what}`);
}

/** Logs, journal and records, and the images that belie their grade. */
async function keepEvidence(
  site: CampaignSite,
  evidence: string | null,
  round: number,
  withImages: boolean,
): Promise<string | null> {
  if (evidence === null) return null;
  const into = join(evidence, `round-${round}`);
  await mkdir(into, { recursive: true });
  // Images are mostly holes.
  for (const name of ['up.log', 'host.yaml', 'state', ...(withImages ? ['repository'] : [])])
    await run(['cp', '-r', '--sparse=always', join(site.directory, name), into]).catch(() => {});
  return into;
}
