/** The report of a campaign: the figures, and all that is needed to go on where it stopped. */

import { readJson, writeJson } from '../../../lib/durable.ts';
import type { CampaignGuest } from './site.ts';

type AgentKind = CampaignGuest['agent'];

export interface Finding {
  round: number;
  what: string;
  /** The faults of its round, a line each. */
  faults: string[];
  /** Where logs and images were kept. */
  kept: string | null;
}

export interface CampaignReport {
  seed: number;
  rounds: number;
  /** Blows that hit something. */
  kills: number;
  byTarget: Record<string, number>;
  byPhase: Record<string, number>;
  leftFrozen: number;
  /** Of guests whose agent was not struck itself, by the guest's own clock. */
  longestStallMs: Record<AgentKind, number>;
  /** In which round: its faults follow from the seed and that. */
  longestStallRound: Record<AgentKind, number>;
  /** Of guests whose agent was killed or stopped: the time for which it was away is in it. */
  longestStallOfStruckAgentMs: Record<AgentKind, number>;
  /** Of a guest that nobody froze. */
  idleStallMs: number;
  leaseMs: number;
  byLayer: Record<string, number>;
  orphans: number;
  longestOrphanSeconds: number;
  nextBackups: number;
  nextFailed: number;
  verifiedPoints: number;
  falseGrades: number;
  seconds: number;
  secondsOf: Record<string, number>;
  findings: Finding[];
}

/** @throws when the report is of another seed */
export async function openReport(path: string, seed: number, leaseMs: number): Promise<CampaignReport> {
  const found = (await readJson(path)) as CampaignReport | undefined;
  if (found && found.seed !== seed)
    throw new Error(
      `${path} is the report of seed ${found.seed}: give --seed ${found.seed} to go on with it, or name another file`,
    );
  return (
    found ?? {
      seed,
      rounds: 0,
      kills: 0,
      byTarget: {},
      byPhase: {},
      leftFrozen: 0,
      longestStallMs: { stillframe: 0, 'qemu-ga': 0 },
      longestStallRound: { stillframe: 0, 'qemu-ga': 0 },
      longestStallOfStruckAgentMs: { stillframe: 0, 'qemu-ga': 0 },
      idleStallMs: 0,
      leaseMs,
      byLayer: {},
      orphans: 0,
      longestOrphanSeconds: 0,
      nextBackups: 0,
      nextFailed: 0,
      verifiedPoints: 0,
      falseGrades: 0,
      seconds: 0,
      secondsOf: {},
      findings: [],
    }
  );
}

export const saveReport = (path: string, report: CampaignReport): Promise<void> => writeJson(path, report);

export function countUp(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
