/** Workflow types, their inputs and results, and the messages they answer: the public contract of workflows/. */

import type { Grade } from '../window/grade.ts';
import type { BackupId, GuestId, HostId } from '../ids.ts';
import type { ThawReport, WindowOutcome } from '../window/window.ts';

/** A guest as its host announces it. Names are labels; `id` is the key. */
export interface GuestListing {
  /** Null while it is not known: QEMU tells it, and this one has not answered since the host worker began. */
  id: GuestId | null;
  name: string;
  /** QEMU's run state: `running`, `paused`, …, or `unreachable`. */
  state: string;
  disks: { device: string; bytes: number }[];
  /** What this guest carries that we need while it is frozen; never frozen when not empty. */
  carries: string[];
  /** Why this guest cannot be used (`uuid-zero`, `monitor-held`, …); null when it can. */
  problem: string | null;
}

export interface Inventory {
  host: HostId;
  /** /etc/machine-id of the host: a second machine with the same host id is refused. */
  machineId: string;
  guests: GuestListing[];
  repositories: string[];
  snapshots: string[];
  /** Wall clock, ISO 8601. */
  announcedAt: string;
}

/** Names of workflow types, updates, signals and queries. */
export const messages = {
  announce: 'announce',
  inventory: 'inventory',
  progress: 'progress',
  arm: 'arm',
  disarm: 'disarm',
  armed: 'armed',
  reports: 'reports',
} as const;

export interface BackupInput {
  backup: BackupId;
  guest: GuestId;
  guestName: string;
  host: HostId;
  repository: string;
  /** The grade below which the backup reports itself short (its point is kept all the same). */
  want: Grade;
  leaseMs?: number;
}

export type BackupStage = 'window' | 'copy' | 'commit' | 'release' | 'done';

/** Answer to the query `progress`; bytes come from the copy's heartbeat. */
export interface BackupProgress {
  stage: BackupStage;
  window: WindowOutcome | null;
}

export interface BackupResult {
  backup: BackupId;
  grade: Grade;
  reasons: string[];
  /** Whether the grade is at least the wanted one. */
  satisfied: boolean;
  window: WindowOutcome;
  bytes: number;
}

/** Heartbeat details of the copy. */
export interface CopyProgress {
  doneBytes: number;
  totalBytes: number;
  disk: string;
}

export interface HeldWindowInput {
  backup: BackupId;
  guest: GuestId;
  guestName: string;
  host: HostId;
  /** Name of a snapshot command in the host's file. */
  snapshot: string;
  leaseMs?: number;
}

/** What the guardian is told before a held window, and again to let go. */
export interface GuardianArm {
  backup: BackupId;
  attempt: number;
  guest: GuestId;
  host: HostId;
  leaseMs: number;
}

/** How a guardian's watch over one window ended. */
export interface GuardianReport {
  backup: BackupId;
  attempt: number;
  ended: 'disarmed' | 'confirmed';
  thaw: ThawReport | null;
}

export type GuestCommandName = 'ping' | 'info' | 'status' | 'freeze' | 'thaw';

export interface GuestCommandInput {
  guest: GuestId;
  host: HostId;
  command: GuestCommandName;
  /** For a freeze: the window's id, so that it can be found in the journal. */
  backup: BackupId;
  leaseMs?: number;
}

/** What our agent says of the freeze that it holds. Text of the guest: escape it where it is shown. */
export interface GuestLease {
  state: string;
  /** Null for the plain freeze of another client, and when thawed. */
  epoch: number | null;
  /** Milliseconds until the guest thaws by itself; null without a lease. */
  remainingMs: number | null;
  /** Mount points that the agent has frozen. */
  held: string[];
  /** Mount points that it found frozen by somebody else at its last freeze. */
  foreign: string[];
}

/** What a guest's agent said to `info`. Text of the guest: escape it where it is shown. */
export interface GuestInfo {
  /** `qemu-ga` or `stillframe`. */
  agent: string;
  version: string;
  commands: number;
  os: string | null;
  filesystems: { mountpoint: string; type: string; device: string }[];
  /** Of our agent only. */
  lease?: GuestLease;
}

export type GuestCommandResult =
  | { command: 'ping'; roundTripMs: number }
  | { command: 'info'; info: GuestInfo }
  | {
      command: 'status';
      agent: 'frozen' | 'thawed';
      /** Of our agent only. */
      lease?: GuestLease;
      window: { backup: BackupId; epoch: number; openedAt: string; leaseMs: number } | null;
    }
  | { command: 'freeze'; frozenCount: number; leaseMs: number; epoch: number }
  | { command: 'thaw'; report: ThawReport };
