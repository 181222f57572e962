/** What a driver gives to everything above it: a host's guests, where their agents are, their events, their points in time. */

import type { BackupId, GuestId } from '../../model/ids.ts';
import type { GuestDefinition } from '../../model/guest/definition.ts';
import type { GuestListing } from '../../model/guest/listing.ts';
import type { Interval } from '../../model/point/interval.ts';
import type { DiskPlaces } from '../../model/window/places.ts';
import type { CapturedDisk } from '../../model/window/window.ts';
import type { User } from '../../lib/run.ts';
import type { AgentAddress } from '../channel/types.ts';

/** A guest that can be used now, with the driver that gave it. */
export interface Guest {
  id: GuestId;
  name: string;
  /** The agent's channel on the classic port `org.qemu.guest_agent.0`. */
  channel: AgentAddress;
  /** The second channel `org.stillframe.agent.0`, on which only our agent answers; preferred where it is there. */
  agentChannel?: AgentAddress | undefined;
  carries: readonly string[];
}

/** What happens to a guest while somebody watches it. `gone`: the monitor's connection ended. It proves nothing. */
export type GuestEvent = 'stop' | 'resume' | 'shutdown' | 'reset' | 'migration' | 'gone';

export interface GuestWatch {
  /** QEMU's run state when the watch began, by query-status; `running` is the only one in which a window may open. */
  readonly state: string;
  /** Whether a migration was active when the watch began. */
  readonly migrating: boolean;
  /** Calls back for each event, in order. */
  on(listener: (event: GuestEvent) => void): void;
  close(): Promise<void>;
}

export interface Driver {
  /** All guests of the host, usable or not (`problem` says why not). */
  inventory(): Promise<GuestListing[]>;
  /** @throws guest-unknown, guest-ambiguous, guest-uuid-zero, monitor-held, monitor-unreachable */
  guest(id: GuestId): Promise<Guest>;
  /** A monitor connection that is kept for the length of a window. */
  watch(guest: Guest): Promise<GuestWatch>;
  /** What the guest is besides its disks, without secrets; before its point in time. @throws monitor-* */
  definition(guest: Guest): Promise<DefinitionOfGuest>;
  pointInTime: PointInTimeDriver;
}

export interface DefinitionOfGuest {
  definition: GuestDefinition;
  /** What its firmware keeps; null where it keeps nothing, or that could not be read. */
  nvram: Buffer | null;
}

/** Points in time by one transaction into local scratch; each step may be repeated. */
export interface PointInTimeDriver {
  /**
   * Everything that can be done before a freeze: room, scratch images, nodes.
   * @param repository its id, for which changes are recorded from the point in time on; null: none are.
   * @throws scratch-no-room, scratch-unwritable, monitor-* ; nothing is left behind when it throws.
   */
  prepare(guest: Guest, backup: BackupId, repository: string | null): Promise<PreparedPoint>;
  /** Opens the frozen views for reading by NBD; after the thaw. Repeating it gives the same views. */
  exports(guest: Guest, backup: BackupId): Promise<PointExports>;
  /**
   * Fails unless the same jobs still run in the same QEMU and no scratch crossed its threshold: an export whose job has
   * ended continues to serve live data without an error.
   * @throws point-in-time-lost, scratch-exhausted
   */
  verify(guest: Guest, backup: BackupId): Promise<void>;
  /**
   * After the commit: from now on, changes since this point are what the next backup reads. Not committed, after the end: the changes that were recorded since go
   * back to the interval before, and none is lost. A backup that is settled already, or never was prepared, is left alone; one that never is
   * settled counts as not committed. What QEMU still needs, or cannot do now, is done before the next point in time.
   */
  settle(guest: GuestId, backup: BackupId, committed: boolean): Promise<void>;
  /** Watches every point in time on this host that may run out of scratch; repeating it watches those that are new. */
  guard(): Promise<void>;
  /**
   * Takes everything of this point in time out of QEMU and off the disk; idempotent, and fine with a QEMU that has ended.
   * @throws release-unfinished when the monitor cannot be used now
   */
  end(guest: GuestId, point: PointName): Promise<void>;
  /**
   * Every point in time that has a record on disk, whether or not its guest still answers, and every one without a record that
   * has objects in the QEMU of these guests.
   */
  leftovers(guests: readonly Guest[]): Promise<Leftover[]>;
}

/** By its backup; where no record says which backup that was, by the stem of its objects' names in QEMU. */
export type PointName = { backup: BackupId } | { stem: string };

export type Leftover = { guest: GuestId } & PointName;

export interface PreparedPoint {
  disks: CapturedDisk[];
  /** Disks left out, each with its reason. */
  skipped: string[];
  /** Where its disks, and those that it leaves out, are attached. */
  places: DiskPlaces;
  /** The point in time: one transaction. Nothing is started when it throws (point-in-time-failed). */
  begin(): Promise<void>;
  /** Gives everything back when `begin` was not reached or failed. */
  abandon(): Promise<void>;
}

export interface PointExports {
  /**
   * Each is an export of its name; `bytes` is its whole size, whatever of it is allocated. Where `interval` names a bitmap, the export has the
   * context `qemu:dirty-bitmap:` and that name.
   */
  disks: (CapturedDisk & { interval: Interval })[];
  /** Descriptor of the socket on which an NBD server gives them, open until `close`; to connect, use /proc/self/fd. */
  socket: number;
  /** The user with the least rights that can connect to it; null: this process's own. */
  reader: User | null;
  /** Rejects when the point in time is lost while the exports are read: threshold crossed, job ended, QEMU gone. */
  lost: Promise<never>;
  /** Stops watching; the exports stay. */
  close(): Promise<void>;
}
