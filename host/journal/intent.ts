/** An intent: what stands in the journal before a freeze, enough to thaw and to say afterwards what was interrupted. */

import type { GuestClaim, Obligation } from '../../model/window/window.ts';
import { hostBootId, monotonicMs } from '../../lib/clock.ts';
import type { AgentAddress } from '../channel/types.ts';

export interface Intent extends Obligation {
  guestName: string;
  /** The channel that the freeze goes through, */
  channel: AgentAddress;
  /** and the one to try when no agent answers on the first. */
  otherChannel?: AgentAddress | undefined;
  claim: GuestClaim;
  /** Process that holds the channel for this window. */
  pid: number;
  /** Monotonic milliseconds of `hostBoot` at which the intent was written; the deadline is `leaseMs` later. */
  startedMs: number;
  hostBoot: string;
}

/** Reads an intent back. Older versions wrote the paths of sockets where addresses are now; what they owe is paid as well. */
export function readIntent(stored: unknown): Intent {
  const { channel, otherChannel, ...rest } = stored as StoredIntent;
  return {
    ...rest,
    channel: readAddress(channel),
    ...(otherChannel !== undefined && { otherChannel: readAddress(otherChannel) }),
  };
}

export function obligationOf({ guest, backup, attempt, epoch, leaseMs, openedAt }: Intent): Obligation {
  return { guest, backup, attempt, epoch, leaseMs, openedAt };
}

/** Milliseconds of the lease that are left; negative once it is over, and always after the host has started again. */
export function remainingMs({ hostBoot, startedMs, leaseMs, openedAt }: Intent): number {
  if (hostBoot === hostBootId()) return startedMs + leaseMs - monotonicMs();
  return Math.min(-1, Date.parse(openedAt) + leaseMs - Date.now());
}

interface StoredIntent extends Omit<Intent, 'channel' | 'otherChannel'> {
  channel: StoredAddress;
  otherChannel?: StoredAddress;
}

type StoredAddress = string | AgentAddress;

function readAddress(stored: StoredAddress): AgentAddress {
  return typeof stored === 'string' ? { kind: 'socket', path: stored } : stored;
}
