/** The manifest of a restore point on disk: every field is checked when it is read back, before it is trusted. */

import { StillframeError } from '../model/errors.ts';
import { grades } from '../model/window/grade.ts';
import { idPattern, isBackupId, isGuestId, isHostId } from '../model/ids.ts';
import { diskResults, filesystemResults, type PointDisk, type RestorePoint } from '../model/point/point.ts';
import type { Reason } from '../model/window/reasons.ts';
import {
  agentKinds,
  closingEvidences,
  thawedBys,
  type GuestClaim,
  type GuestFilesystem,
  type GuestHook,
  type LeaseClaim,
  type WindowOutcome,
} from '../model/window/window.ts';

/** A manifest is a few kilobytes; one of this size is not ours. */
export const longestManifest = 4 * 1024 * 1024;

/** Names of image files: never a path, never hidden, never the manifest. */
const imagePattern = /^[a-z0-9][a-z0-9_-]{0,61}\.raw$/;

/** Checks a field and gives it back with its type; throws a sentence that begins with the field's path. */
type Check<T> = (value: unknown, path: string) => T;

/** @throws StillframeError point-damaged that names the field. `id`: the name of the folder that the text was found in. */
export function parseManifest(text: string, id: string): RestorePoint {
  try {
    const point = restorePoint(JSON.parse(text) as unknown, '');
    if (point.id !== id) throw new Error(`id is ${JSON.stringify(point.id)}, but it is in the folder of ${id}`);
    const files = point.disks.map((disk) => disk.file);
    if (new Set(files).size < files.length) throw new Error('disks: two of them name one file');
    return point;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new StillframeError(
      'point-damaged',
      `the manifest of restore point ${id} is damaged (${problem}): its images may still be whole; compare them by hand as docs/050-restore.md shows`,
      { point: id, problem },
    );
  }
}

export function formatManifest(point: RestorePoint): string {
  return `${JSON.stringify(point, null, 2)}\n`;
}

/** @throws StillframeError copy-failed that names the field. `id`: the backup whose copy wrote the text. */
export function parseDisks(text: string, id: string): PointDisk[] {
  try {
    return list(disk)(JSON.parse(text) as unknown, 'disks');
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

const is =
  <T>(expected: string, test: (value: unknown) => value is T): Check<T> =>
  (value, path) => {
    if (test(value)) return value;
    throw new Error(`${path || 'manifest'} is ${shown(value)}, expected ${expected}`);
  };

function shown(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value) ?? String(value)).slice(0, 60);
}

const object =
  <T>(fields: { [Key in keyof T]-?: Check<T[Key]> }): Check<T> =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`${path || 'manifest'} is ${shown(value)}, expected an object`);
    }
    const from = value as Record<string, unknown>;
    const checks = Object.entries(fields) as [string, Check<unknown>][];
    const read = checks.map(([key, check]) => [key, check(from[key], path === '' ? key : `${path}.${key}`)] as const);
    return Object.fromEntries(read.filter(([, field]) => field !== undefined)) as T;
  };

const list =
  <T>(item: Check<T>): Check<T[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw new Error(`${path} is ${shown(value)}, expected a list`);
    return value.map((each, index) => item(each, `${path}[${index}]`));
  };

const orNull =
  <T>(check: Check<T>): Check<T | null> =>
  (value, path) =>
    value === null ? null : check(value, path);

/** For fields that older manifests do not have, and that only some guests report. */
const orAbsent =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value, path) =>
    value === undefined ? undefined : check(value, path);

const oneOf = <T extends string | number>(...values: readonly T[]) =>
  is(`one of ${values.join(', ')}`, (value): value is T => (values as readonly unknown[]).includes(value));
const matching = (what: string, pattern: RegExp) =>
  is(what, (value): value is string => typeof value === 'string' && pattern.test(value));

const text = is('text', (value): value is string => typeof value === 'string');
/** Every text: a later version may have codes that this one does not know, and its point is whole all the same. */
const reasonText = text as Check<Reason>;
const truth = is('true or false', (value): value is boolean => typeof value === 'boolean');
const count = is('a whole number from 0', (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
const milliseconds = is('a number from 0', (value): value is number => typeof value === 'number' && value >= 0);
const identifier = <Kind extends string>(isOne: (text: string) => text is Kind) =>
  is('an id', (value): value is Kind => typeof value === 'string' && isOne(value));
const time = is(
  'a time (ISO 8601)',
  (value): value is string => typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value)),
);

const filesystem: Check<GuestFilesystem> = object<GuestFilesystem>({
  mountpoint: text,
  type: text,
  device: text,
  outcome: orAbsent(text),
});

const hooks: Check<GuestHook[]> = list(object<GuestHook>({ name: text, outcome: text, detail: orNull(text) }));

const windowOutcome: Check<WindowOutcome> = object<WindowOutcome>({
  guest: identifier(isGuestId),
  backup: identifier(isBackupId),
  attempt: count,
  epoch: count,
  leaseMs: milliseconds,
  openedAt: time,
  closedAt: time,
  pointInTimeAt: orNull(time),
  times: object({
    freezeMs: orNull(milliseconds),
    pointInTimeMs: orNull(milliseconds),
    proofMs: orNull(milliseconds),
    thawMs: orNull(milliseconds),
    heldMs: orNull(milliseconds),
  }),
  thawedBy: oneOf(...thawedBys),
  closing: oneOf(...closingEvidences),
  claim: object<GuestClaim>({
    agent: oneOf(...agentKinds),
    version: text,
    filesystems: list(filesystem),
    frozenCount: orNull(count),
    thawedCount: orNull(count),
    frozenAfterPointInTime: truth,
    lease: orAbsent(
      object<LeaseClaim>({
        bootId: text,
        epochAtProof: orNull(count),
        hooks,
        thawHooks: orNull(hooks),
        heldMs: orNull(milliseconds),
        leaseFired: orNull(truth),
      }),
    ),
  }),
  disks: list(object({ name: text, device: text, bytes: count })),
  skipped: list(text),
  reference: orNull(text),
  reasons: list(reasonText),
  failure: orNull(object({ code: text, message: text })),
});

const disk: Check<PointDisk> = object<PointDisk>({
  name: matching('an id', idPattern),
  file: matching('the name of an image (disk0.raw)', imagePattern),
  device: text,
  bytes: count,
  sha256: matching('a SHA-256 in lower-case hex', /^[0-9a-f]{64}$/),
  filesystem: text,
  inspection: object({
    result: oneOf(...diskResults),
    filesystems: list(object({ where: text, type: text, result: oneOf(...filesystemResults), evidence: text })),
  }),
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
