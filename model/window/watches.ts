/** The guardian's watches over held windows: which thaw is overdue, and how each watch ended. Times are the workflow's, in milliseconds. */

import type { BackupId, GuestId, HostId } from '../ids.ts';
import type { ThawReport } from './window.ts';

/** A held window to watch: sent before its freeze, and again when its thaw is confirmed. */
export interface GuardianArm {
  backup: BackupId;
  attempt: number;
  guest: GuestId;
  host: HostId;
  leaseMs: number;
}

/** How the watch over one window ended. */
export interface GuardianReport {
  backup: BackupId;
  attempt: number;
  ended: 'disarmed' | 'confirmed';
  thaw: ThawReport | null;
}

export interface Watch {
  arm: GuardianArm;
  /** When the thaw is demanded next. */
  dueAt: number;
  /** How often it was demanded without a confirmation. */
  tries: number;
}

/** What a guardian carries from one run into the next. */
export interface GuardianState {
  watches: Watch[];
  reports: GuardianReport[];
}

export interface Watches {
  /** Adds a watch; a window that is watched already keeps its own. */
  arm(arm: GuardianArm, nowMs: number): void;
  /** Ends the watch: the window's own workflow has confirmed the thaw. */
  disarm(arm: GuardianArm): void;
  /** Ends the watch: the host has confirmed the thaw to the guardian. */
  confirm(arm: GuardianArm, thaw: ThawReport): void;
  /** Counts `tries` demands without a confirmation; returns how many there were in all. */
  countTries(arm: GuardianArm, tries: number): number;
  /** Schedules the next round. */
  postpone(arm: GuardianArm, nowMs: number): void;
  /** The watch that is due first. */
  next(): Watch | undefined;
  armed(): GuardianArm[];
  reports(): GuardianReport[];
  /** What the next run needs. */
  state(): GuardianState;
}

/** The window itself, its lease timer and the warden act within this after the lease; the guardian comes after all of them. */
const graceMs = 5_000;
const betweenRoundsMs = 10_000;
/** The last reports explain the present; older ones are in the histories of earlier runs. */
const reportsKept = 20;

/** `freezeStartMs`: how long after the arming the freeze may be picked up; its lease begins then. */
export function createWatches(carried: GuardianState, freezeStartMs: number): Watches {
  const watches = [...carried.watches];
  const reports = [...carried.reports];
  const find = ({ backup, attempt }: GuardianArm) => watches.find(({ arm }) => arm.backup === backup && arm.attempt === attempt);

  function end(arm: GuardianArm, how: Pick<GuardianReport, 'ended' | 'thaw'>): void {
    const watch = find(arm);
    if (!watch) return;
    watches.splice(watches.indexOf(watch), 1);
    reports.push({ backup: arm.backup, attempt: arm.attempt, ...how });
  }

  return {
    arm(arm, nowMs) {
      if (!find(arm)) watches.push({ arm, dueAt: nowMs + freezeStartMs + arm.leaseMs + graceMs, tries: 0 });
    },
    disarm: (arm) => end(arm, { ended: 'disarmed', thaw: null }),
    confirm: (arm, thaw) => end(arm, { ended: 'confirmed', thaw }),
    countTries(arm, tries) {
      const watch = find(arm);
      if (watch) watch.tries += tries;
      return watch?.tries ?? tries;
    },
    postpone(arm, nowMs) {
      const watch = find(arm);
      if (watch) watch.dueAt = nowMs + betweenRoundsMs;
    },
    next: () => watches.toSorted((one, other) => one.dueAt - other.dueAt)[0],
    armed: () => watches.map(({ arm }) => arm),
    reports: () => reports,
    state: () => ({ watches, reports: reports.slice(-reportsKept) }),
  };
}
