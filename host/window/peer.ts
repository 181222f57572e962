/** What a window asks of an agent, whichever of the two kinds it is. */

import type { Reason } from '../../model/window/reasons.ts';
import type { GuestClaim, GuestHook } from '../../model/window/window.ts';
import type { AgentChannel } from '../channel/types.ts';

export interface Peer {
  /** What it claims before a freeze, and whether anything is frozen already. */
  look(channel: AgentChannel): Promise<{ frozen: boolean; claim: Pick<GuestClaim, 'filesystems' | 'lease'> }>;
  freeze(channel: AgentChannel, order: FreezeOrder): Promise<Partial<GuestClaim> & { frozenCount: number }>;
  /** Why the freeze of `epoch` cannot be said to hold still; no reason when it does. */
  prove(channel: AgentChannel, epoch: number, claim: GuestClaim): Promise<{ doubts: Reason[]; claim: Partial<GuestClaim> }>;
  /** Demands the thaw once, and asks for its effect. Never undoes the freeze of another epoch. */
  thaw(channel: AgentChannel, epoch: number, listener: ThawListener): Promise<ThawState>;
}

export interface FreezeOrder {
  epoch: number;
  /** Milliseconds of the lease that are left. */
  remainingMs: number;
  /** Milliseconds to wait for the reply. */
  timeoutMs: number;
  onSent: () => void;
}

export interface ThawListener {
  onSent: () => void;
  onAnswer: (answer: ThawAnswer) => void;
}

export interface ThawAnswer {
  /** Filesystems that it thawed. */
  count: number;
  /** Of our agent: how the epoch ended. */
  epoch: { heldMs: number; leaseFired: boolean; hooks: GuestHook[] } | null;
}

export interface ThawState {
  thawed: boolean;
  /** Of the guest now; null when the agent does not report it. */
  bootId: string | null;
}
