/** Every id and name that two processes must agree on: queues, and our names inside QEMU. Workflow ids are in their contracts. */

/** Lower-case UUID of a guest, or the `id:` that the host's file gives it. */
export type GuestId = string;
/** Id of a host, from its own file. */
export type HostId = string;
/** Sortable id of one backup: time to the second and eight random hex digits, `20260101T020000-1a2b3c4d`. */
export type BackupId = string;

/** Ids that we accept in files, payloads and paths: no separators, no dots first, short enough for a file name. */
export const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** QEMU gives this to a machine whose UUID nobody set, so it names every such guest at once. */
export const zeroUuid = '00000000-0000-0000-0000-000000000000';

/** `now` in milliseconds since the epoch, `random` eight hex digits. */
export function newBackupId(now: number, random: string): BackupId {
  const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
  return `${time}-${random}`;
}

/** The three queues of a host. */
export function hostQueues(host: HostId): { urgent: string; ops: string; copy: string } {
  return { urgent: `host.${host}.urgent`, ops: `host.${host}.ops`, copy: `host.${host}.copy` };
}

export const controlQueue = 'control';
export const guardianQueue = 'guardian';

/** Prefix of every job, node, export and bitmap of ours inside QEMU. */
export const objectPrefix = 'sf.';

/**
 * Prefix of the objects of one backup, `sf.<8 hex>`: the random part of the backup id.
 * QEMU takes 31 characters for a node name; the full id stands in the point-in-time record.
 */
export function objectStem(backup: BackupId): string {
  return `${objectPrefix}${backup.slice(-8)}`;
}
