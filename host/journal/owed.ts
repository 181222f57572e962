/**
 * What is owed to one guest, kept in two files that no one accident takes: each is a whole intent, and either is enough to thaw. Each is
 * named by its window, so that a close, however late it comes, cannot remove what a later window owes.
 */

import { join } from 'node:path';
import { exists, makeDirectory, namesIn, readJson, removeDurably, writeJson } from '../../lib/durable.ts';
import { errnoOf } from '../../lib/errno.ts';
import { messageOf } from '../../model/errors.ts';
import type { GuestId } from '../../model/ids.ts';
import { readIntent, type Intent } from './intent.ts';
import { windowIn, windowName, type WindowName } from './window-name.ts';

/** Where one copy of each debt lies, in a file `<prefix><window>`. */
export interface CopyPlace {
  directory: string;
  prefix: string;
}

export interface Copies {
  /** Those that could be read, the newest epoch first. */
  intents: Intent[];
  /** Those that are there and cannot be read, with why, and the window that the file is named by. */
  damaged: { path: string; why: string; window: WindowName | null }[];
}

/** Earlier versions had one file for each guest, which is still read and removed: with the prefix `open.` it is `open.json`. */
const nameless = 'json';

/** Names in a directory of the journal; none where a file stands instead, because the other copies count all the same. */
export async function namesBelow(path: string): Promise<string[]> {
  try {
    return await namesIn(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** Whether a name behind the prefix is that of a copy. */
export function isCopyName(rest: string): boolean {
  return rest === nameless || windowIn(rest) !== null;
}

export async function readCopies(guest: GuestId, places: readonly CopyPlace[]): Promise<Copies> {
  const copies: Copies = { intents: [], damaged: [] };
  for (const place of places) {
    for (const rest of await copiesAt(place)) {
      const path = join(place.directory, place.prefix + rest);
      const window = windowIn(rest);
      try {
        const stored = await readJson(path);
        // Another process has closed that window since.
        if (stored === undefined) continue;
        const intent = readIntent(guest, stored);
        if (window && windowName(intent) !== rest) throw new Error('it is of another window than its name');
        copies.intents.push(intent);
      } catch (error) {
        copies.damaged.push({ path, why: messageOf(error), window });
      }
    }
  }
  copies.intents.sort((one, other) => other.epoch - one.epoch);
  return copies;
}

/** All of them or none, as far as the disk allows: a copy alone would be a debt of a freeze that is never sent. */
export async function writeCopies(intent: Intent, places: readonly CopyPlace[]): Promise<void> {
  const paths = places.map(({ directory, prefix }) => join(directory, prefix + windowName(intent)));
  try {
    for (const [at, path] of paths.entries()) {
      await makeDirectory(places[at]!.directory);
      await writeJson(path, intent);
    }
  } catch (error) {
    for (const path of paths) await removeDurably(path).catch(() => {});
    throw error;
  }
}

/** Those of this window and of earlier ones, which were closed before it began; and what an earlier version left of these. */
export async function removeCopies(guest: GuestId, places: readonly CopyPlace[], closed: WindowName): Promise<void> {
  for (const place of places) {
    // A directory that is gone holds no copy, and cannot be synced.
    if (!(await exists(place.directory))) continue;
    for (const rest of await copiesAt(place)) {
      const window = windowIn(rest);
      const isOver = window
        ? window.epoch < closed.epoch || rest === windowName(closed)
        : await isOldAndOver(guest, place, closed);
      if (isOver) await removeDurably(join(place.directory, place.prefix + rest));
    }
  }
}

async function copiesAt({ directory, prefix }: CopyPlace): Promise<string[]> {
  const names = await namesBelow(directory);
  return names
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter(isCopyName);
}

/** No version that still runs writes such a file, so it cannot change between this and its removal. */
async function isOldAndOver(guest: GuestId, { directory, prefix }: CopyPlace, closed: WindowName): Promise<boolean> {
  try {
    const { epoch, ...rest } = readIntent(guest, await readJson(join(directory, prefix + nameless)));
    return epoch < closed.epoch || windowName({ epoch, ...rest }) === windowName(closed);
  } catch {
    return true;
  }
}
