/** Local scratch: where QEMU keeps what a guest overwrites while its point in time is being read. */

import { mkdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../../lib/errno.ts';
import { messageOf, StillframeError } from '../../../model/errors.ts';
import { formatBytes } from '../../../model/units.ts';
import type { ScratchConfig } from '../../config.ts';
import { WritableByOthersError } from '../../../lib/strict-modes.ts';
import type { PointRecord } from './records.ts';
import { demandScratch, runAsOwner } from './scratch-owner.ts';

export interface ScratchPlan {
  reservedBytes: number;
  /** For each disk: bytes of its scratch file at which the backup is given up; null when everything is reserved. */
  thresholdBytes: number | null;
}

/** qcow2 keeps 8 bytes of table for each 64 KiB and a few clusters for its header: 1/4096 and a MiB are above both. */
const tableBytes = (bytes: number) => Math.ceil(bytes / 4096) + 2 ** 20;
const fullBytes = (bytes: number) => bytes + tableBytes(bytes);

/**
 * How much a guest may overwrite: all of it where that fits; otherwise what is there, less the margin within which the
 * backup is given up before the guest could notice. The margin stays free on the file system in both cases: the host's
 * journal may live there too. @throws scratch-no-room
 */
export async function planScratch(
  config: ScratchConfig,
  disks: readonly { bytes: number }[],
  others: readonly PointRecord[],
): Promise<ScratchPlan> {
  try {
    await demandScratch(config).catch(async (error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
      // What is missing was looked for on a way that nobody else can change, so it is made on that way.
      await mkdir(config.path, { recursive: true, mode: 0o700 });
      await demandScratch(config);
    });
  } catch (error) {
    const wayOut = error instanceof WritableByOthersError ? ', or move scratch.path below directories of root' : '';
    throw unwritable(config.path, `${messageOf(error)}${wayOut}`, error);
  }
  const { bavail, bsize } = await statfs(config.path);
  const limit =
    config.limitBytes === undefined ? Infinity : config.limitBytes - others.reduce((sum, other) => sum + other.reservedBytes, 0);
  const unreserved = await Promise.all(others.filter((other) => other.thresholdBytes !== null).map(unwrittenBytes));
  const free = bavail * bsize - unreserved.reduce((sum, bytes) => sum + bytes, 0);
  const room = Math.min(free, limit);
  const full = disks.reduce((sum, disk) => sum + fullBytes(disk.bytes), 0);
  if (limit >= full && free >= full + config.marginBytes) return { reservedBytes: full, thresholdBytes: null };
  if (config.mayRunOut !== true) {
    throw new StillframeError(
      'scratch-no-room',
      `scratch ${config.path} has room for ${formatBytes(Math.max(0, room))}, and all of this guest's disks take ${formatBytes(full)} with a margin of ${formatBytes(config.marginBytes)}: nothing was frozen; make room there, raise scratch.limit, name another scratch.path, or accept a backup that is given up when the guest overwrites more (scratch.reserve: partial in the host's file)`,
      { path: config.path, roomBytes: Math.max(0, Math.floor(room)), fullBytes: full, marginBytes: config.marginBytes },
    );
  }
  const tables = disks.reduce((sum, disk) => sum + tableBytes(disk.bytes), 0);
  if (room < config.marginBytes + tables) {
    throw new StillframeError(
      'scratch-no-room',
      `scratch ${config.path} has room for ${formatBytes(Math.max(0, room))}, less than the margin of ${formatBytes(config.marginBytes)} and ${formatBytes(tables)} of tables (all of this guest's disks would take ${formatBytes(full)}): nothing was frozen; make room there, raise scratch.limit, or name another scratch.path in the host's file`,
      { path: config.path, roomBytes: Math.max(0, Math.floor(room)), fullBytes: full, marginBytes: config.marginBytes },
    );
  }
  return { reservedBytes: room, thresholdBytes: Math.floor((room - config.marginBytes) / disks.length) };
}

/** What a point in time may still take from a file system that holds nothing back for it. */
async function unwrittenBytes(record: PointRecord): Promise<number> {
  const written = await Promise.all(
    record.disks.map((disk) =>
      stat(scratchImage(record.directory, disk)).then(
        ({ blocks }) => blocks * 512,
        () => 0,
      ),
    ),
  );
  return Math.max(0, record.reservedBytes - written.reduce((sum, bytes) => sum + bytes, 0));
}

export function scratchImage(directory: string, disk: { name: string }): string {
  return join(directory, `${disk.name}.qcow2`);
}

/** The directory of one backup. @throws scratch-unwritable, also when it exists: only what we made is removed later */
export async function makeScratchDirectory(config: ScratchConfig, directory: string): Promise<void> {
  try {
    await runAsOwner(config, ['mkdir', '-m', '700', '--', directory]);
  } catch (error) {
    throw unwritable(config.path, messageOf(error), error);
  }
}

/**
 * An empty qcow2 image. With `reserve` the file system holds blocks for all of it past the file's end (fallocate(1), --keep-size):
 * an image that was allocated itself would hide the disk behind it.
 */
export async function makeScratchImage(config: ScratchConfig, path: string, bytes: number, reserve: boolean): Promise<void> {
  try {
    await runAsOwner(config, ['qemu-img', 'create', '-q', '-f', 'qcow2', path, String(bytes)]);
    if (reserve) await runAsOwner(config, ['fallocate', '--keep-size', '--length', String(fullBytes(bytes)), path]);
  } catch (error) {
    throw unwritable(config.path, messageOf(error), error);
  }
}

export async function removeScratch(config: ScratchConfig, directory: string): Promise<void> {
  await runAsOwner(config, ['rm', '-rf', '--one-file-system', '--', directory]);
}

export function unwritable(path: string, why: string, cause?: unknown): StillframeError {
  return new StillframeError(
    'scratch-unwritable',
    `scratch ${path} cannot be used: ${why}; nothing was frozen; make it a directory that belongs to the user that QEMU runs as`,
    { path },
    cause,
  );
}
