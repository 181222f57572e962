/** What is owed to one guest, kept in two files that no one accident takes: each is a whole intent, and either is enough to thaw. */

import { dirname } from 'node:path';
import { exists, makeDirectory, namesIn, readJson, removeDurably, writeJson } from '../../lib/durable.ts';
import { errnoOf } from '../../lib/errno.ts';
import { messageOf } from '../../model/errors.ts';
import type { GuestId } from '../../model/ids.ts';
import { readIntent, type Intent } from './intent.ts';

export interface Copies {
  /** Those that could be read, the newest epoch first. */
  intents: Intent[];
  /** Those that are there and cannot be read, with why. */
  damaged: { path: string; why: string }[];
}

/** Names in a directory of the journal; none where a file stands instead, because the other copies count all the same. */
export async function namesBelow(path: string): Promise<string[]> {
  try {
    return await namesIn(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

export async function readCopies(guest: GuestId, paths: readonly string[]): Promise<Copies> {
  const copies: Copies = { intents: [], damaged: [] };
  for (const path of paths) {
    try {
      const stored = await readJson(path);
      if (stored !== undefined) copies.intents.push(readIntent(guest, stored));
    } catch (error) {
      // A file stands where a directory of ours would: no copy is behind it, and the next write says so.
      if (errnoOf(error) === 'ENOTDIR') continue;
      copies.damaged.push({ path, why: messageOf(error) });
    }
  }
  copies.intents.sort((one, other) => other.epoch - one.epoch);
  return copies;
}

/** All of them or none, as far as the disk allows: a copy alone would be a debt of a freeze that is never sent. */
export async function writeCopies(intent: Intent, paths: readonly string[]): Promise<void> {
  try {
    for (const path of paths) {
      await makeDirectory(dirname(path));
      await writeJson(path, intent);
    }
  } catch (error) {
    await removeCopies(intent.guest, paths, () => true).catch(() => {});
    throw error;
  }
}

/** Those of intents that are over, and those that cannot be read. Each is read right before it goes: a later window may have begun. */
export async function removeCopies(guest: GuestId, paths: readonly string[], isOver: (intent: Intent) => boolean): Promise<void> {
  for (const path of paths) {
    // A directory that is gone holds no copy, and cannot be synced.
    if (!(await exists(dirname(path)))) continue;
    const { intents } = await readCopies(guest, [path]);
    if (intents.every(isOver)) await removeDurably(path);
  }
}
