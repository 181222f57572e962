/** The manifest of a restore point on disk: every field is checked when it is read back, before it is trusted. */

import {
  count,
  identifier,
  list,
  matching,
  milliseconds,
  object,
  oneOf,
  orAbsent,
  orNull,
  text,
  time,
  type Check,
} from '../model/check.ts';
import { StillframeError } from '../model/errors.ts';
import { guestClaim } from '../model/window/claim-check.ts';
import { grades } from '../model/window/grade.ts';
import { idPattern, isBackupId, isGuestId, isHostId } from '../model/ids.ts';
import { diskResults, filesystemResults, type DiskFinding, type PointDisk, type RestorePoint } from '../model/point/point.ts';
import type { Reason } from '../model/window/reasons.ts';
import { closingEvidences, thawedBys, type WindowOutcome, type WindowTimes } from '../model/window/window.ts';

/** A manifest is a few kilobytes; Stillframe never writes one of this size. */
export const longestManifest = 4 * 1024 * 1024;

/** Names of image files: never a path, never hidden, never the manifest. */
const imagePattern = /^[a-z0-9][a-z0-9_-]{0,61}\.raw$/;

/** @throws StillframeError point-damaged that names the field. `id`: the name of the folder that the text was found in. */
export function parseManifest(json: string, id: string): RestorePoint {
  try {
    const point = restorePoint(JSON.parse(json) as unknown, '');
    if (point.id !== id) throw new Error(`id is ${JSON.stringify(point.id)}, but it is in the folder of ${id}`);
    const files = point.disks.map((disk) => disk.file);
    if (new Set(files).size < files.length) throw new Error('disks: two of them name one file');
    return point;
  } catch (error) {
    throw damagedManifest(id, error instanceof Error ? error.message : String(error));
  }
}

export function damagedManifest(id: string, problem: string): StillframeError {
  return new StillframeError(
    'point-damaged',
    `the manifest of restore point ${id} is damaged (${problem}): its images may still be whole; compare them by hand as docs/050-restore.md shows`,
    { point: id, problem },
  );
}

export function formatManifest(point: RestorePoint): string {
  return `${JSON.stringify(point, null, 2)}\n`;
}

/** @throws StillframeError copy-failed that names the field. `id`: the backup whose copy wrote the text. */
export function parseDisks(json: string, id: string): PointDisk[] {
  try {
    return list(disk)(JSON.parse(json) as unknown, 'disks');
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new StillframeError(
      'copy-failed',
      `the record of the copy of backup ${id} is damaged (${problem}): run the backup again`,
      {
        point: id,
        problem,
      },
    );
  }
}

export function formatDisks(disks: readonly PointDisk[]): string {
  return `${JSON.stringify(disks, null, 2)}\n`;
}

/** Every text: a later version may have codes that this one does not know, and its point is whole all the same. */
const reasonText = text as Check<Reason>;

const windowOutcome: Check<WindowOutcome> = object<WindowOutcome>({
  guest: identifier(isGuestId),
  backup: identifier(isBackupId),
  attempt: count,
  epoch: count,
  leaseMs: milliseconds,
  openedAt: time,
  closedAt: time,
  pointInTimeAt: orNull(time),
  times: object<WindowTimes>({
    freezeMs: orNull(milliseconds),
    pointInTimeMs: orNull(milliseconds),
    proofMs: orNull(milliseconds),
    thawMs: orNull(milliseconds),
    heldMs: orNull(milliseconds),
    heldAtMostMs: orAbsent(orNull(milliseconds)),
  }),
  thawedBy: oneOf(...thawedBys),
  closing: oneOf(...closingEvidences),
  claim: guestClaim,
  disks: list(object({ name: text, device: text, bytes: count })),
  skipped: list(text),
  reference: orNull(text),
  reasons: list(reasonText),
  failure: orNull(object({ code: text, message: text })),
});

const diskFinding: { [Key in keyof DiskFinding]: Check<DiskFinding[Key]> } = {
  sha256: matching('a SHA-256 in lower-case hex', /^[0-9a-f]{64}$/),
  inspection: object({
    result: oneOf(...diskResults),
    filesystems: list(object({ where: text, type: text, result: oneOf(...filesystemResults), evidence: text })),
  }),
};

/** What a copy found on its disks, as its process reports it. */
export const diskFindings: Check<DiskFinding[]> = list(object<DiskFinding>(diskFinding));

const disk: Check<PointDisk> = object<PointDisk>({
  name: matching('an id', idPattern),
  file: matching('the name of an image (disk0.raw)', imagePattern),
  device: text,
  bytes: count,
  filesystem: text,
  ...diskFinding,
});

const restorePoint: Check<RestorePoint> = object<RestorePoint>({
  format: oneOf(1),
  id: identifier(isBackupId),
  guest: object({ id: identifier(isGuestId), name: text }),
  host: identifier(isHostId),
  pointInTimeAt: time,
  committedAt: time,
  grade: oneOf(...grades),
  reasons: list(reasonText),
  window: windowOutcome,
  disks: list(disk),
  skipped: list(text),
});
