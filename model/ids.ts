/** Every id and name that two processes must agree on: queues, and our names inside QEMU. Workflow ids are in their contracts. */

import { StillframeError } from './errors.ts';

declare const kind: unique symbol;
/** A text that only the parser of its kind makes, so that one id cannot be given for another, nor any text for an id. */
type Id<Kind extends string> = string & { readonly [kind]: Kind };

/** Lower-case UUID of a guest, or the `id:` that the host's file gives it. */
export type GuestId = Id<'guest'>;
/** Id of a host, from its own file. */
export type HostId = Id<'host'>;
/** Sortable id of one backup: time to the second and eight random hex digits, `20260101T020000-1a2b3c4d`. */
export type BackupId = Id<'backup'>;

/** Ids that we accept in files, payloads and paths: no separators, no dots first, short enough for a file name. */
export const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

export const isGuestId = (text: string): text is GuestId => idPattern.test(text);
export const isBackupId = (text: string): text is BackupId => idPattern.test(text);
export const isHostId = (text: string): text is HostId => idPattern.test(text);

/** Each returns the text as an id of its kind. @throws input-invalid */
export const guestId = parserOf('guest id', isGuestId);
export const backupId = parserOf('backup id', isBackupId);
export const hostId = parserOf('host id', isHostId);

function parserOf<Kind extends string>(what: string, isOne: (text: string) => text is Kind): (text: string) => Kind {
  return (text) => {
    // A payload can hold anything, whatever its type says.
    if (typeof text === 'string' && isOne(text)) return text;
    throw new StillframeError(
      'input-invalid',
      `${what} ${JSON.stringify(text) ?? String(text)} is not an id: use letters, digits, "_", "." and "-", at most 63, with a letter or a digit first`,
      { what },
    );
  };
}

/** QEMU gives this to a machine whose UUID nobody set, so it names every such guest at once. */
export const zeroUuid = '00000000-0000-0000-0000-000000000000';

/** `now` in milliseconds since the epoch, `random` eight hex digits. */
export function newBackupId(now: number, random: string): BackupId {
  const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
  return backupId(`${time}-${random}`);
}

export const hostQueueNames = ['urgent', 'questions', 'ops', 'copy'] as const;
type HostQueue = (typeof hostQueueNames)[number];

/** The queues of a host. */
export function hostQueues(host: HostId): Record<HostQueue, string> {
  return Object.fromEntries(hostQueueNames.map((name) => [name, `host.${host}.${name}`])) as Record<HostQueue, string>;
}

export const controlQueue = 'control';
export const guardianQueue = 'guardian';

/** Prefix of all our jobs, nodes, exports and bitmaps inside QEMU. */
export const objectPrefix = 'sf.';

/**
 * Prefix of the objects of one backup, `sf.<8 hex>`: the random part of the backup id.
 * QEMU takes 31 characters for a node name; the full id stands in the point-in-time record.
 */
export function objectStem(backup: BackupId): string {
  return `${objectPrefix}${backup.slice(-8)}`;
}
