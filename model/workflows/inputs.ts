/** What every activity and workflow may be given: one table of strict checks. Payloads are requests; nothing further in checks them again. */

import { grades } from '../window/grade.ts';
import type { BackupInput, BackupRequest } from './backup-guest.ts';
import { guestCommands, type GuestCommandInput } from './guest-command.ts';
import type { HeldWindowInput } from './held-window.ts';
import { count, exactly, identifier, is, nameText, oneOf, orAbsent, type Check } from '../check.ts';
import { StillframeError } from '../errors.ts';
import { isBackupId, isGuestId, isHostId, type GuestId, type HostId } from '../ids.ts';
import type { GuardianArm } from '../window/watches.ts';
import { thawedBys, type ThawedBy, type WindowKey, type WindowRequest } from '../window/window.ts';
import type { ActivityName } from './activities.ts';
import { guardianArm } from './messages.ts';

const positive = is('a whole number from 1', (value): value is number => Number.isSafeInteger(value) && (value as number) >= 1);
const key = { guest: identifier(isGuestId), backup: identifier(isBackupId), attempt: positive };
const windowKey = exactly<WindowKey>(key);
/** Whether the host grants the lease is its own limit, with an error of its own. */
const leaseMs = orAbsent(is('a number', (value): value is number => typeof value === 'number'));
const windowRequest = exactly<WindowRequest>({ ...key, leaseMs });
const backupRequest = { guest: key.guest, backup: key.backup, repository: nameText };
const guest = exactly<{ guest: GuestId }>({ guest: key.guest });

const inputs = {
  /** A workflow that an earlier version started names no repository. */
  freezeWindow: exactly<WindowRequest & { repository?: string | undefined }>({ ...key, leaseMs, repository: orAbsent(nameText) }),
  freeze: windowRequest,
  snapshot: exactly<{ key: WindowKey; name: string }>({ key: windowKey, name: nameText }),
  thaw: windowKey,
  ensureThawed: exactly<{ guest: GuestId; by: ThawedBy }>({ guest: key.guest, by: oneOf(...thawedBys) }),
  windowOutcome: windowKey,
  release: exactly<BackupRequest>(backupRequest),
  guestPing: guest,
  guestInfo: guest,
  guestStatus: guest,
  thawStray: guest,
  copy: exactly<BackupRequest>(backupRequest),
  /** A workflow that an earlier version started brings the point that it made: it is ignored. */
  commitPoint: exactly<BackupRequest & { point?: unknown }>({ ...backupRequest, point: (value) => value }),
  armGuardian: guardianArm,
  hostsWith: exactly<{ guest: GuestId; host: HostId }>({ guest: key.guest, host: identifier(isHostId) }),
  page: exactly<{ arm: GuardianArm; tries: number }>({ arm: guardianArm, tries: count }),
  backupGuest: exactly<BackupInput>({
    ...backupRequest,
    guestName: nameText,
    host: identifier(isHostId),
    want: oneOf(...grades),
    leaseMs,
  }),
  heldWindow: exactly<HeldWindowInput>({
    guest: key.guest,
    backup: key.backup,
    guestName: nameText,
    host: identifier(isHostId),
    snapshot: nameText,
    leaseMs,
  }),
  guestCommand: exactly<GuestCommandInput>({
    guest: key.guest,
    backup: key.backup,
    host: identifier(isHostId),
    command: oneOf(...guestCommands),
    leaseMs,
  }),
} satisfies Record<ActivityName | WorkflowName, Check<unknown>>;

/** What the entity and the guardian are given is checked by messages.ts. */
type WorkflowName = 'backupGuest' | 'heldWindow' | 'guestCommand';

export type InputName = keyof typeof inputs;
type InputOf<Name extends InputName> = ReturnType<(typeof inputs)[Name]>;

/** The checked input of an activity or a workflow. @throws input-invalid that names it, the field, the value and what is expected */
export function checkInput<Name extends InputName>(name: Name, given: unknown): InputOf<Name> {
  try {
    return (inputs[name] as Check<InputOf<Name>>)(given, '');
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new StillframeError('input-invalid', `the input of ${name} is refused: ${problem}`, { name });
  }
}
