/** Commits a restore point. What the point claims comes from this host's own journal and its own copy, never from the request. */

import type { Driver } from '../host/drivers/driver.ts';
import type { Journal } from '../host/journal/journal.ts';
import { StillframeError } from '../model/errors.ts';
import type { BackupId, GuestId, HostId } from '../model/ids.ts';
import type { PointDisk, RestorePoint } from '../model/point/point.ts';
import { gradePoint } from '../model/window/grading.ts';
import type { WindowOutcome } from '../model/window/window.ts';
import type { Repository } from '../repository/points.ts';
import type { Signer } from '../repository/signature.ts';
import type { Sessions } from './sessions.ts';

export interface CommitParts {
  driver: Driver;
  journal: Pick<Journal, 'captured'>;
  host: HostId;
  sessions: Pick<Sessions, 'guestOf'>;
  signer: Signer;
}

export interface PointRequest {
  guest: GuestId;
  backup: BackupId;
  repository: Repository;
}

/**
 * A repeated call answers with the point that the first one committed.
 * @throws point-in-time-lost, scratch-exhausted, copy-failed, point-unproven, repository-*
 */
export async function commitPoint(
  { guest: id, backup, repository }: PointRequest,
  { driver, journal, host, sessions, signer }: CommitParts,
): Promise<RestorePoint> {
  const committed = await committedPoint({ guest: id, backup, repository }, signer);
  if (committed) return committed;
  const window = await journal.captured(id, backup);
  if (!window) {
    throw new StillframeError(
      'point-in-time-lost',
      `the journal of this host has no point in time of backup ${backup} of guest ${id}: back the guest up again`,
      { guest: id, backup },
    );
  }
  // A copy of another guest's disks under the same id, with the same sizes, is none of this one.
  if ((await sessions.guestOf(backup)) !== id) throw notCopied(id, backup);
  const disks = await repository.recordedDisks(backup);
  demandSameDisks(backup, window, disks);
  const guest = await driver.guest(id);
  await driver.pointInTime.verify(guest, backup);
  const point: RestorePoint = {
    format: 1,
    id: backup,
    guest: { id, name: guest.name },
    host,
    pointInTimeAt: window.pointInTimeAt!,
    committedAt: new Date().toISOString(),
    ...gradePoint(window, disks),
    window,
    disks,
    skipped: window.skipped,
  };
  await repository.commit(point, signer);
  return point;
}

/** The point of this backup, once this host has committed it: one that somebody else put there is no answer. @throws point-unproven */
export async function committedPoint({ guest, backup, repository }: PointRequest, signer: Signer): Promise<RestorePoint | null> {
  const point = await repository.find(backup);
  if (!point) return null;
  if ((await repository.origin(point, signer.trusted)).kind !== 'proven') {
    throw new StillframeError(
      'point-unproven',
      `restore point ${point.id} stands in ${repository.directory} without the signature of this host: look at who writes there, and back the guest up again`,
      { point: point.id },
    );
  }
  if (point.guest.id === guest) return point;
  throw new StillframeError(
    'input-invalid',
    `restore point ${point.id} exists already and is of guest ${point.guest.id}, not of ${guest}: each backup needs an id of its own`,
    { guest, point: point.id },
  );
}

function notCopied(guest: GuestId, backup: BackupId): StillframeError {
  return new StillframeError(
    'copy-failed',
    `this host has no finished copy of backup ${backup} of guest ${guest}: run the backup again`,
    { guest, backup },
  );
}

/** Every disk of the point in time was copied, in its whole size, and nothing else was. */
function demandSameDisks(backup: BackupId, { disks: captured }: WindowOutcome, copied: readonly PointDisk[]): void {
  const named = (disks: readonly { name: string; bytes: number }[]) =>
    disks.map(({ name, bytes }) => `${name} of ${bytes} bytes`).join(', ') || 'none';
  if (named(captured) === named(copied)) return;
  throw new StillframeError(
    'copy-failed',
    `the copy of backup ${backup} does not hold the disks of its point in time (captured: ${named(captured)}; copied: ${named(copied)}): run the backup again`,
    { backup },
  );
}
