/** Restoring: the images of a point, proven byte for byte, in a directory of the caller's choice. */

import { open, readdir, rename, rm, rmdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { makeDirectory, syncPath, writeDurably } from '../lib/durable.ts';
import { errnoOf } from '../lib/errno.ts';
import { NotPlainError, openPlain } from '../lib/plain-file.ts';
import { StillframeError } from '../model/errors.ts';
import type { DiskProgress, PointDisk, RestorePoint } from '../model/point/point.ts';
import { explainErrno } from './explain-errno.ts';
import { passOver } from './hash.ts';
import { formatManifest } from './manifest.ts';
import { manifestFile } from './points.ts';
import type { Repository } from './points.ts';

export interface RestoreOptions {
  onProgress?: (progress: DiskProgress) => void;
  signal?: AbortSignal;
}

/** Holes are made in steps of this size: 64 KiB is what qcow2 clusters and most filesystems can leave out. */
const holeBytes = 64 * 1024;
const zeros = Buffer.alloc(holeBytes);

/**
 * Writes the images of a point and a copy of its manifest into `target`, which is absent or empty. Nothing has its final name
 * before every image is proven; when anything fails, nothing of it is left in `target`.
 * @throws point-damaged, input-invalid, target-no-room, target-unwritable, the signal's reason
 */
export async function restorePoint(
  repository: Repository,
  point: RestorePoint,
  target: string,
  { onProgress, signal }: RestoreOptions = {},
): Promise<void> {
  return explainErrno('target-unwritable', target, async () => {
    const made = await makeDirectory(target);
    await demandEmpty(target);
    try {
      await demandRoom(repository, point, target);
      const totalBytes = point.disks.reduce((sum, disk) => sum + disk.bytes, 0);
      let before = 0;
      for (const disk of point.disks) {
        const progress = (doneBytes: number) => onProgress?.({ doneBytes: before + doneBytes, totalBytes, disk: disk.name });
        await copyProven(repository.image(point.id, disk.file), part(target, disk), point, disk, progress, signal);
        before += disk.bytes;
      }
      for (const disk of point.disks) await rename(part(target, disk), join(target, disk.file));
      await writeDurably(join(target, manifestFile), formatManifest(point));
      if (made !== undefined) await syncPath(dirname(made));
    } catch (error) {
      // The directory was empty, so this restore made every one of these names.
      const images = point.disks.flatMap((disk) => [part(target, disk), join(target, disk.file)]);
      for (const path of [join(target, manifestFile), ...images]) await rm(path, { force: true });
      if (made !== undefined) await rmdir(target).catch(() => {});
      throw error;
    }
  });
}

function part(target: string, disk: PointDisk): string {
  return join(target, `${disk.file}.part`);
}

async function demandEmpty(target: string): Promise<void> {
  const [first] = await readdir(target);
  if (first === undefined) return;
  throw new StillframeError('input-invalid', `${target} is not empty (${first}): a restore goes into an empty or new directory`, {
    target,
  });
}

/** The copies will occupy what the images occupy now, except on filesystems with other block sizes. */
async function demandRoom(repository: Repository, point: RestorePoint, target: string): Promise<void> {
  let needed = 0;
  for (const disk of point.disks) {
    const { size, blocks } = await damagedUnless(point, disk, () => statPlain(repository.image(point.id, disk.file)));
    if (size !== disk.bytes) throw damage(point, disk, `has ${size} of its ${disk.bytes} bytes`);
    needed += Math.min(size, blocks * 512);
  }
  const { bavail, bsize } = await statfs(target);
  if (needed > bavail * bsize) {
    throw new StillframeError(
      'target-no-room',
      `${target} has ${bavail * bsize} bytes free, the images take ${needed}: make room or name another directory`,
      {
        target,
        neededBytes: needed,
        freeBytes: bavail * bsize,
      },
    );
  }
}

async function copyProven(
  from: string,
  to: string,
  point: RestorePoint,
  disk: PointDisk,
  onProgress: (doneBytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using image = await damagedUnless(point, disk, () => openPlain(from));
  await using file = await open(to, 'wx', 0o600);
  await file.truncate(disk.bytes);
  const write = async (piece: Buffer, offset: number) => {
    for (const [start, end] of dataRuns(piece)) {
      const { bytesWritten } = await file.write(piece, start, end - start, offset + start);
      if (bytesWritten < end - start) throw Object.assign(new Error(`no space left on device, write ${to}`), { code: 'ENOSPC' });
    }
  };
  const sha256 = await damagedUnless(point, disk, () => passOver(image, write, { bytes: disk.bytes, onProgress, signal }));
  // The hash is not shown: of a file that was put here by a link it would say what only root may read.
  if (sha256 !== disk.sha256) throw damage(point, disk, 'does not have the SHA-256 that its manifest says');
  await file.sync();
}

/** The stretches of `piece` that are not holes, as long as they go. */
function* dataRuns(piece: Buffer): Generator<[start: number, end: number]> {
  let start: number | null = null;
  for (let at = 0; at < piece.length; at += holeBytes) {
    const step = piece.subarray(at, at + holeBytes);
    const hole = step.equals(zeros.subarray(0, step.length));
    if (!hole) start ??= at;
    else if (start !== null) {
      yield [start, at];
      start = null;
    }
  }
  if (start !== null) yield [start, piece.length];
}

async function statPlain(path: string) {
  await using file = await openPlain(path);
  return await file.stat();
}

async function damagedUnless<T>(point: RestorePoint, disk: PointDisk, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw damage(point, disk, 'is missing');
    if (error instanceof NotPlainError) throw damage(point, disk, error.message);
    throw error;
  }
}

function damage(point: RestorePoint, disk: PointDisk, what: string): StillframeError {
  return new StillframeError(
    'point-damaged',
    `${disk.name} of restore point ${point.id} is damaged: ${disk.file} ${what}. Nothing was restored; choose another point`,
    { point: point.id, disk: disk.name },
  );
}
