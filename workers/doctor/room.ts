/** Doctor: room for scratch and repositories. */

import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ScratchConfig } from '../../host/config.ts';
import { openPointRecords } from '../../host/drivers/qemu/records.ts';
import { demandScratch } from '../../host/drivers/qemu/scratch-owner.ts';
import { namesIn } from '../../lib/durable.ts';
import { errnoOf } from '../../lib/errno.ts';
import type { Finding } from '../../model/doctor.ts';
import { isBackupId } from '../../model/ids.ts';
import { messageOf } from '../../model/errors.ts';
import { formatBytes } from '../../model/units.ts';
import { openRepository } from '../../repository/points.ts';
import { fail, ok, warn } from './finding.ts';

/** Below this share of a filesystem's size the next backup may be the one that fills it. */
const littleShare = 0.05;

export async function checkScratch(scratch: ScratchConfig, stateDir: string): Promise<Finding> {
  const { path, limitBytes, marginBytes } = scratch;
  const room = await roomAt(path);
  if ('problem' in room) return fail('scratch', room.problem, 'make the directory on a local disk, or correct scratch.path');
  const found = `${path}: ${formatBytes(room.free)} free`;
  if (room.exists) {
    try {
      await demandScratch({ path });
    } catch (error) {
      return fail('scratch', messageOf(error), 'do that, or move scratch.path below directories of root');
    }
  }
  if (room.free <= marginBytes) {
    return fail(
      'scratch',
      `${found}, not above the margin of ${formatBytes(marginBytes)}`,
      'make room, or move scratch.path to a larger disk',
    );
  }
  if (limitBytes !== undefined && room.free < limitBytes) {
    return warn(
      'scratch',
      `${found}, less than scratch.limit (${formatBytes(limitBytes)})`,
      'make room, or lower the limit to what is there',
    );
  }
  const [stray] = await strayDirectories(scratch, stateDir);
  if (stray !== undefined) {
    return warn(
      'scratch',
      `${found}; ${stray} is of no backup that this state directory knows`,
      `when no other host uses this scratch and no backup runs, remove ${stray}`,
    );
  }
  return ok('scratch', found);
}

/** What a state directory that was lost has left: it may be another host's, so nobody but a person removes it. */
async function strayDirectories(scratch: ScratchConfig, stateDir: string): Promise<string[]> {
  // In this order: a backup that begins in between writes its record before it makes its directory.
  const names = await namesIn(scratch.path).catch(() => []);
  const known = new Set((await openPointRecords(stateDir, scratch).all()).map(({ directory }) => directory));
  return names
    .filter(isBackupId)
    .map((name) => join(scratch.path, name))
    .filter((path) => !known.has(path));
}

export async function checkRepositories(repositories: Record<string, string>): Promise<Finding[]> {
  const entries = Object.entries(repositories);
  if (entries.length === 0) return [warn('repository', 'the host has none', 'add one to "repositories" in the host\'s file')];
  return Promise.all(entries.map(([name, path]) => checkRepository(name, path)));
}

async function checkRepository(name: string, path: string): Promise<Finding> {
  const room = await roomAt(path);
  if ('problem' in room)
    return fail('repository', `${name}: ${room.problem}`, 'mount it, or correct the path under "repositories"');
  const found = `${name} at ${path}: ${formatBytes(room.free)} free`;
  if (!room.exists) return fail('repository', `${name}: ${path} is not there`, initOrMount(path));
  try {
    await openRepository(path);
  } catch (error) {
    return fail('repository', `${found}; ${messageOf(error)}`, initOrMount(path));
  }
  if (((await stat(path)).mode & 0o077) !== 0)
    return warn(
      'repository',
      `${found}; other users may enter it, and it holds disks of guests`,
      `run "chmod -R go-rwx ${path}"`,
    );
  if (room.free < room.size * littleShare) return warn('repository', found, 'make room, or move it to a larger disk');
  return ok('repository', found);
}

const initOrMount = (path: string) => `mount its disk, or make it by "stillframe repository init --path ${path}"`;

type Room = { free: number; size: number; exists: boolean } | { problem: string };

/** Of the directory, or of the nearest one above it that is there: that is where it will be made. */
async function roomAt(path: string): Promise<Room> {
  for (let directory = path, exists = true; ; directory = dirname(directory), exists = false) {
    try {
      const { bavail, blocks, bsize } = await statfs(directory);
      await access(directory, constants.W_OK | constants.X_OK);
      return { free: bavail * bsize, size: blocks * bsize, exists };
    } catch (error) {
      const missing = errnoOf(error) === 'ENOENT' && directory !== '/';
      if (!missing) return { problem: `${path} cannot be used: ${messageOf(error)}` };
    }
  }
}
