/** Local scratch: where QEMU keeps what a guest overwrites while its point in time is being read. */

import { chown, mkdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StillframeError } from '../../../model/errors.ts';
import type { BackupId } from '../../../model/ids.ts';
import type { ScratchConfig } from '../../config.ts';
import { run } from '../../run.ts';
import type { PointRecord } from './records.ts';

export interface ScratchPlan {
  directory: string;
  reservedBytes: number;
  /** For each disk: bytes of its scratch file at which the backup is given up; null when everything is reserved. */
  thresholdBytes: number | null;
}

/** qcow2 keeps 8 bytes of table for each 64 KiB and a few clusters for its header: 1/4096 and a MiB are above both. */
const fullBytes = (bytes: number) => bytes + Math.ceil(bytes / 4096) + 2 ** 20;

/**
 * How much a guest may overwrite: all of it where that fits; otherwise what is there, less the margin within which the
 * backup is given up before the guest could notice. @throws scratch-no-room
 */
export async function planScratch(
  config: ScratchConfig,
  backup: BackupId,
  disks: readonly { bytes: number }[],
  others: readonly PointRecord[],
): Promise<ScratchPlan> {
  const directory = join(config.path, backup);
  await mkdir(config.path, { recursive: true }).catch((error: unknown) => {
    throw unwritable(config.path, messageOf(error), error);
  });
  const { bavail, bsize } = await statfs(config.path);
  const limit =
    config.limitBytes === undefined ? Infinity : config.limitBytes - others.reduce((sum, other) => sum + other.reservedBytes, 0);
  const room = Math.min(bavail * bsize, limit);
  const full = disks.reduce((sum, disk) => sum + fullBytes(disk.bytes), 0);
  if (room >= full) return { directory, reservedBytes: full, thresholdBytes: null };
  if (room <= config.marginBytes) {
    throw new StillframeError(
      'scratch-no-room',
      `scratch ${config.path} has room for ${mib(room)} MiB, less than the margin of ${mib(config.marginBytes)} MiB (all of this guest's disks would take ${mib(full)} MiB): nothing was frozen; make room there, raise scratch.limit, or name another scratch.path in the host's file`,
      { path: config.path, roomBytes: Math.max(0, Math.floor(room)), fullBytes: full, marginBytes: config.marginBytes },
    );
  }
  return { directory, reservedBytes: room, thresholdBytes: Math.floor((room - config.marginBytes) / disks.length) };
}

/** The directory of one backup; it belongs to whom the scratch directory belongs to, which is whom QEMU runs as. */
export async function makeScratchDirectory(config: ScratchConfig, directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
    await giveToOwner(config, directory);
  } catch (error) {
    throw unwritable(config.path, messageOf(error), error);
  }
}

/**
 * An empty qcow2 image. With `reserve` the file system holds blocks for all of it past the file's end (fallocate(1), --keep-size):
 * an image that was allocated itself would hide the disk behind it.
 */
export async function makeScratchImage(config: ScratchConfig, path: string, bytes: number, reserve: boolean): Promise<void> {
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', path, String(bytes)]);
  if (reserve) await run('fallocate', ['--keep-size', '--length', String(fullBytes(bytes)), path]);
  await giveToOwner(config, path);
}

export async function removeScratch(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

export function unwritable(path: string, why: string, cause?: unknown): StillframeError {
  return new StillframeError(
    'scratch-unwritable',
    `scratch ${path} cannot be used: ${why}; nothing was frozen; make it a directory that belongs to the user that QEMU runs as`,
    { path },
    cause,
  );
}

async function giveToOwner(config: ScratchConfig, path: string): Promise<void> {
  const owner = await stat(config.path);
  if (process.getuid?.() === 0) await chown(path, owner.uid, owner.gid);
}

function mib(bytes: number): number {
  return Math.max(0, Math.floor(bytes / 2 ** 20));
}
