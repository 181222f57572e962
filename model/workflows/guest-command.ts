/** Contract of `guestCommand`: one command to one guest. */

import type { ErrorCode } from '../errors.ts';
import { controlQueue, type BackupId, type GuestId, type HostId } from '../ids.ts';
import type { OwedThaw, ThawReport, WindowEnd } from '../window/window.ts';
import { contract } from './contract.ts';

export const guestCommands = ['ping', 'info', 'status', 'freeze', 'thaw'] as const;
export type GuestCommandName = (typeof guestCommands)[number];

export interface GuestCommandInput {
  guest: GuestId;
  host: HostId;
  command: GuestCommandName;
  /** For a freeze: the window's id, so that it can be found in the journal. */
  backup: BackupId;
  leaseMs?: number | undefined;
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
  /** Mount points that it found frozen by another program at its last freeze. */
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
  /** How many more there are; absent when all are listed. */
  filesystemsOmitted?: number;
  /** Of our agent only. */
  lease?: GuestLease;
}

/** What is known of a guest's freeze, and what its host owes it. */
export interface GuestStatus {
  /** Null when the guest did not say. */
  agent: 'frozen' | 'thawed' | null;
  /** Why it did not. */
  unanswered?: { code: ErrorCode; message: string };
  /** Of our agent only. */
  lease?: GuestLease;
  /** The thaw that is owed. An earlier version did not say how much of the lease is left. */
  window: (Pick<OwedThaw, 'backup' | 'epoch' | 'openedAt' | 'leaseMs'> & { remainingMs?: number }) | null;
  /** Since which sweep of its host it is known to be frozen by no window of ours; absent when it is not. */
  strayFoundAt?: string;
  /** How its last window ended; absent when there was none. */
  last?: WindowEnd;
}

export type GuestCommandResult =
  | { command: 'ping'; roundTripMs: number }
  | { command: 'info'; info: GuestInfo }
  | ({ command: 'status' } & GuestStatus)
  | { command: 'freeze'; frozenCount: number; leaseMs: number; epoch: number }
  | { command: 'thaw'; report: ThawReport };

/** The backup id makes the workflow id unique: commands to one guest may overlap. */
export const guestCommand = contract<[GuestCommandInput], GuestCommandResult>()({
  type: 'guestCommand',
  queue: controlQueue,
  id: ({ guest, backup }: { guest: GuestId; backup: BackupId }) => `guest/${guest}/${backup}`,
});
