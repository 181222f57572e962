/** What a window is asked for, and what is known of it when it has closed. Plain JSON: it crosses the server and the disk. */

import type { BackupId, GuestId } from '../ids.ts';
import type { FilesystemPlaces } from './places.ts';
import type { Reason } from './reasons.ts';

/** Names one attempt; a repeated call with the same key gets the same outcome and does not touch the guest. */
export interface WindowKey {
  guest: GuestId;
  backup: BackupId;
  attempt: number;
}

export interface WindowRequest extends WindowKey {
  /** Milliseconds; the host's own when absent. */
  leaseMs?: number | undefined;
}

/**
 * Who ended the freeze: the window itself, its lease timer, an event of the guest (stop, migration, reset, shutdown), the end of the
 * worker (SIGTERM), the warden, a later `ensureThawed` by workflow, guardian or operator, or the guest by the lease that it keeps itself.
 */
export const thawedBys = ['window', 'lease', 'event', 'shutdown', 'warden', 'workflow', 'guardian', 'operator', 'guest'] as const;
export type ThawedBy = (typeof thawedBys)[number];

/** What shows that our freeze is not in force any more. Earlier versions took a reset for evidence, and their records say so. */
export const closingEvidences = ['status-thawed', 'guest-shutdown', 'guest-reset'] as const;
export type ClosingEvidence = (typeof closingEvidences)[number];

/** Milliseconds by the host's monotonic clock; null for a step that was not reached. */
export interface WindowTimes {
  /** First byte of the freeze → its reply. */
  freezeMs: number | null;
  /** The transaction, or the snapshot command. */
  pointInTimeMs: number | null;
  /** Status after the point in time. */
  proofMs: number | null;
  /** First byte of the thaw that was answered → its reply. */
  thawMs: number | null;
  /** First byte of the freeze → reply to the thaw. */
  heldMs: number | null;
  /**
   * A bound on `heldMs` where it was not measured, because the process that sent the freeze was gone: intent written → thaw
   * confirmed. Null when the host has started again in between; absent where `heldMs` is measured or nothing was frozen.
   */
  heldAtMostMs?: number | null | undefined;
}

/** One filesystem as the guest claims it. Text of the guest: escape it where it is shown. */
export interface GuestFilesystem {
  mountpoint: string;
  type: string;
  /** Name of the block device inside the guest, `vda1`. */
  device: string;
  /** What the freeze did to it: `frozen`, `not-freezable`, `foreign`, `unreachable`. Only our agent reports it. */
  outcome?: string;
  /** Where the disks below it are attached; not kept in records, which hold the reasons that follow from it. */
  places?: FilesystemPlaces;
}

/** A hook inside the guest, by its own name; `outcome` is `success`, `failed` or `timed-out`. Text of the guest. */
export interface GuestHook {
  name: string;
  outcome: string;
  detail: string | null;
}

/** What only our agent claims of a freeze, which it holds under a lease of its own. */
export interface LeaseClaim {
  /** Boot id of the guest at the freeze. */
  bootId: string;
  /** The epoch that the guest named when it was asked after the point in time; null when it named none. */
  epochAtProof: number | null;
  /** Hooks of the freeze. */
  hooks: GuestHook[];
  /** Hooks of the thaw; null while the thaw of this epoch is not answered. */
  thawHooks: GuestHook[] | null;
  /** Milliseconds by the guest's clock from before the first filesystem froze until the last was thawed. */
  heldMs: number | null;
  /** Whether the lease inside the guest ended the freeze, and nobody's thaw. */
  leaseFired: boolean | null;
}

export const agentKinds = ['qemu-ga', 'stillframe'] as const;
export type AgentKind = (typeof agentKinds)[number];

/** What the guest claimed. Kept apart from what was observed on its disks. */
export interface GuestClaim {
  agent: AgentKind;
  version: string;
  filesystems: GuestFilesystem[];
  /** Filesystems that the freeze says it froze. */
  frozenCount: number | null;
  /** Filesystems that the first answered thaw says it thawed. */
  thawedCount: number | null;
  /** Status after the point in time said frozen; of our agent, by the same epoch, in the same boot, and every mount point still. */
  frozenAfterPointInTime: boolean;
  /** Absent from a stock agent's claim. */
  lease?: LeaseClaim;
}

/** One disk of the point in time, as QEMU knows it. */
export interface CapturedDisk {
  /** Name inside the restore point: `disk0`, `disk1`, in QEMU's order. */
  name: string;
  /** QEMU's node or device name. */
  device: string;
  bytes: number;
}

/** The record of a closed window. */
export interface WindowOutcome extends WindowKey {
  epoch: number;
  leaseMs: number;
  /** Wall clock, ISO 8601: for people; durations are monotonic. */
  openedAt: string;
  closedAt: string;
  /** Wall clock of the point in time; null when there is none. */
  pointInTimeAt: string | null;
  times: WindowTimes;
  thawedBy: ThawedBy;
  closing: ClosingEvidence;
  claim: GuestClaim;
  /** Disks of the point in time (freezeWindow); empty for a held window. */
  disks: CapturedDisk[];
  /** Disks that were left out of the point in time, each with its reason: `cd0 read-only`. */
  skipped: string[];
  /** What the snapshot command printed as its reference (held window); null otherwise. */
  reference: string | null;
  /** Why the freeze cannot be trusted through the point in time, and what the point in time does not hold; empty when neither is so. */
  reasons: Reason[];
  /** Why there is no point in time; null when there is one. */
  failure: { code: string; message: string } | null;
}

/** What is owed to a guest: a freeze was sent, and nothing yet shows that it is over. */
export interface Obligation extends WindowKey {
  epoch: number;
  leaseMs: number;
  openedAt: string;
}

/** An obligation as its host reports it. */
export interface OwedThaw extends Obligation {
  /** Milliseconds of the lease that are left; negative when the thaw is overdue. */
  remainingMs: number;
}

/** How a window ended, without what its guest said. */
export interface WindowEnd extends Pick<
  WindowOutcome,
  'backup' | 'epoch' | 'leaseMs' | 'openedAt' | 'closedAt' | 'times' | 'thawedBy' | 'closing' | 'failure'
> {
  /** How long writes stood by the guest's own clock; null of a stock agent. */
  guestHeldMs: number | null;
}

/** How the pursuit of one obligation by the warden or `thaw --local` went; `outcome` is null while the thaw is not confirmed. */
export interface PursuedObligation {
  guest: GuestId;
  guestName: string;
  /** Null where the journal cannot be read. */
  epoch: number | null;
  outcome: WindowOutcome | null;
  /** Files of the journal that cannot be read: what this guest is owed is not known, so nothing was sent. */
  damaged?: string[];
}

/** What `ensureThawed` did. `was` says whether one of our windows was found open. */
export interface ThawReport {
  guest: GuestId;
  was: 'open' | 'closed';
  outcome: WindowOutcome | null;
  status: 'thawed' | 'off';
}
