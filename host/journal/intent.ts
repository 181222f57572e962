/** An intent: what stands in the journal before a freeze, enough to thaw and to say afterwards what was interrupted. */

import { count, identifier, milliseconds, object, oneOf, orAbsent, text, time, type Check } from '../../model/check.ts';
import { guestClaim } from '../../model/window/claim-check.ts';
import { isBackupId, isGuestId, type GuestId } from '../../model/ids.ts';
import type { GuestClaim, Obligation } from '../../model/window/window.ts';
import type { ProcessName } from '../../lib/process.ts';
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
  /** Proves which process `pid` was; older versions wrote none. */
  holder?: ProcessName | undefined;
  /** Monotonic milliseconds of `hostBoot` at which the intent was written; the deadline is `leaseMs` later. */
  startedMs: number;
  hostBoot: string;
}

/** Reads an intent of this guest back. @throws when it is anything else: nothing is thawed, and no debt closed, by half a file */
export function readIntent(guest: GuestId, stored: unknown): Intent {
  const read = intent(stored, '');
  if (read.guest !== guest) throw new Error(`guest is ${JSON.stringify(read.guest)}, but the file is of ${guest}`);
  return read;
}

export function obligationOf({ guest, backup, attempt, epoch, leaseMs, openedAt }: Intent): Obligation {
  return { guest, backup, attempt, epoch, leaseMs, openedAt };
}

/** Milliseconds of the lease that are left; negative once it is over, and always after the host has started again. */
export function remainingMs({ hostBoot, startedMs, leaseMs, openedAt }: Intent): number {
  if (hostBoot === hostBootId()) return startedMs + leaseMs - monotonicMs();
  return Math.min(-1, Date.parse(openedAt) + leaseMs - Date.now());
}

/** Older versions wrote the paths of sockets where addresses are now; what they owe is paid as well. */
const address: Check<AgentAddress> = (stored, path) =>
  typeof stored === 'string'
    ? { kind: 'socket', path: stored }
    : object<AgentAddress>({ kind: oneOf('socket'), path: text })(stored, path);

const holder: Check<ProcessName> = object<ProcessName>({
  pid: count,
  user: text,
  hostname: text,
  machine: text,
  boot: text,
  table: text,
  ticks: text,
  since: text,
});

const intent: Check<Intent> = object<Intent>({
  guest: identifier(isGuestId),
  backup: identifier(isBackupId),
  attempt: count,
  epoch: count,
  leaseMs: milliseconds,
  openedAt: time,
  guestName: text,
  channel: address,
  otherChannel: orAbsent(address),
  claim: guestClaim,
  pid: count,
  holder: orAbsent(holder),
  startedMs: milliseconds,
  hostBoot: text,
});
