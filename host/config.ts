/** What one host may do and where its things are. config/ reads it from the host's file. */

import type { GuestId, HostId } from '../model/ids.ts';
import type { StrayPolicy } from '../model/guest/stray-freeze.ts';
import type { WindowLimits } from '../model/window/lease.ts';

export interface HostConfig {
  host: HostId;
  guests: GuestSource[];
  limits: WindowLimits;
  scratch: ScratchConfig;
  /** What to do about a guest that is frozen by no window of ours. */
  strayFreezes: StrayPolicy;
  /** Name → directory. Payloads carry the name. */
  repositories: Record<string, string>;
  /** Name → command and arguments of a snapshot that other software takes. Payloads carry the name. */
  snapshots: Record<string, string[]>;
}

export interface ScratchConfig {
  path: string;
  /** Bytes that all points in time together may take; undefined leaves it to the filesystem. */
  limitBytes: number | undefined;
  /** Whether a point in time is taken for which scratch cannot be reserved in full: the guest may then overwrite more than there is room for. */
  mayRunOut?: boolean;
  /** Bytes that must stay free when scratch cannot be reserved in full: what a guest may write between threshold and abort. */
  marginBytes: number;
}

/** What Stillframe needs and a guest can carry; such a guest is never frozen. */
export type Carried = 'temporal' | 'repository' | 'scratch' | 'journal';

/** A guest that the file lists by its sockets. */
export interface ListedGuest {
  name: string;
  /** Overrides the UUID that QEMU reports; needed where that is all zero. */
  id: GuestId | undefined;
  channel: string;
  /** Socket of the second channel, `org.stillframe.agent.0`. */
  agentChannel?: string | undefined;
  monitor: string;
  carries: Carried[];
}

/** Guests found by patterns with one `*` each; what the star stands for is the name. */
export interface FoundGuests {
  channelPattern: string;
  agentChannelPattern?: string | undefined;
  monitorPattern: string;
}

export type GuestSource = ({ kind: 'listed' } & ListedGuest) | ({ kind: 'found' } & FoundGuests);
