/** What the host entity and the guardian may be given: their messages, and the state that one run gives to the next. */

import { count, exactly, identifier, is, list, nameText, object, oneOf, orAbsent, orNull, time, type Check } from '../check.ts';
import { StillframeError } from '../errors.ts';
import type { GuestListing } from '../guest/listing.ts';
import { isBackupId, isGuestId, isHostId } from '../ids.ts';
import type { GuardianArm, GuardianReport, GuardianState, Watch } from '../window/watches.ts';
import type { Inventory } from './host-entity.ts';

/** A host with more is none that we know; a server carries 2 MiB. */
const mostGuests = 4_096;
const mostDisks = 256;
const mostNames = 256;

/** As a newer worker announces it too: a field that this version does not know is passed over, or its host would be unknown until an upgrade. */
const listing: Check<GuestListing> = object<GuestListing>({
  id: orNull(identifier(isGuestId)),
  name: nameText,
  state: nameText,
  disks: list(object({ device: nameText, bytes: count }), mostDisks),
  carries: list(nameText, mostNames),
  problem: orNull(nameText),
  strayFoundAt: orAbsent(time),
});

const inventory: Check<Inventory> = object<Inventory>({
  host: identifier(isHostId),
  machineId: nameText,
  guests: list(listing, mostGuests),
  repositories: list(nameText, mostNames),
  snapshots: list(nameText, mostNames),
  announcedAt: time,
});

export const guardianArm: Check<GuardianArm> = exactly<GuardianArm>({
  backup: identifier(isBackupId),
  attempt: count,
  guest: identifier(isGuestId),
  host: identifier(isHostId),
  leaseMs: count,
});

const atMs = is('a time in milliseconds', (value): value is number => Number.isFinite(value));
/** A report is only shown: what the host said in it stays as it is. */
const thaw = (value: unknown) => value as GuardianReport['thaw'];

const guardianState: Check<GuardianState> = object<GuardianState>({
  watches: list(object<Watch>({ arm: guardianArm, dueAt: atMs, tries: count })),
  reports: list(
    object<GuardianReport>({
      backup: identifier(isBackupId),
      attempt: count,
      ended: oneOf('disarmed', 'confirmed'),
      thaw,
    }),
  ),
});

const messages = { announce: inventory, arm: guardianArm, disarm: guardianArm, inventory, guardianState };

export type MessageName = keyof typeof messages;
type MessageOf<Name extends MessageName> = ReturnType<(typeof messages)[Name]>;

/** @throws input-invalid that names the message, the field, the value and what is expected */
export function checkMessage<Name extends MessageName>(name: Name, given: unknown): MessageOf<Name> {
  try {
    return (messages[name] as Check<MessageOf<Name>>)(given, '');
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new StillframeError('input-invalid', `${name} is refused: ${problem}`, { name });
  }
}

/** The same for what must not stop whoever reads it: undefined instead of an error. */
export function readMessage<Name extends MessageName>(name: Name, given: unknown): MessageOf<Name> | undefined {
  try {
    return checkMessage(name, given);
  } catch {
    return undefined;
  }
}
