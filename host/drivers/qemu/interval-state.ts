/** Which bitmap of which disk has the changes since which committed point: one file for each guest and repository. */

import { join } from 'node:path';
import { makeDirectory, namesIn, readJson, writeJson } from '../../../lib/durable.ts';
import { count, identifier, list, matching, object, orNull, text, truth } from '../../../model/check.ts';
import { idPattern, isBackupId, type BackupId, type GuestId } from '../../../model/ids.ts';

/** A bitmap of ours on one disk, and what the disk was when its interval began. */
export interface DiskInterval {
  /** Name of the disk in a restore point. */
  name: string;
  bytes: number;
  file: string;
  bitmap: string;
  persistent: boolean;
  /** It had so many bytes set when it was last looked at. It never has fewer, unless somebody clears it. */
  count: number;
}

/** One whose interval begins with the point in time of a backup that is under way. */
export interface PendingInterval extends DiskInterval {
  /** The bitmap that ends in the same instant; null where all of the disk is read, and no later failure makes a whole of both. */
  follows: string | null;
  /** Node that lends it its last bit before the point is settled. */
  sentinel: string;
}

/**
 * A crash between any two steps leaves a state that is true, or one that names a bitmap that is not there. So it is written
 * before the transaction (`pending`), and a bitmap is removed only after a state that does not need it.
 */
export interface IntervalState {
  /** The last committed point whose interval began; null before the first. */
  since: BackupId | null;
  /** Each has all changes since `since`; together with that of `pending`, once that records. */
  disks: DiskInterval[];
  /** The backup that is under way: its bitmaps record from its point in time on, and nothing before it. */
  pending: { backup: BackupId; disks: PendingInterval[] } | null;
  /** Our bitmaps that nothing needs any more; removed when QEMU lets go of them. */
  stale: string[];
}

export const noIntervals: IntervalState = { since: null, disks: [], pending: null, stale: [] };

export interface IntervalStates {
  /** Undefined when there is none, `damaged` when it cannot be read. */
  read(guest: GuestId, repository: string): Promise<IntervalState | 'damaged' | undefined>;
  /** Durable when it returns. */
  write(guest: GuestId, repository: string, state: IntervalState): Promise<void>;
  /** The repositories for which this guest has a state. */
  repositoriesOf(guest: GuestId): Promise<string[]>;
}

/** Bitmaps that cannot be found stay in the list, since their disk may come back. Older ones than these are forgotten. */
const mostStale = 256;

export function openIntervalStates(stateDir: string): IntervalStates {
  const directory = join(stateDir, 'intervals');
  const fileName = (guest: GuestId, repository: string) => {
    // Neither id has an "@"; other text must not become a path.
    if (!idPattern.test(guest) || !idPattern.test(repository)) throw new Error(`${guest} or ${repository} is not an id`);
    return `${guest}@${repository}.json`;
  };
  return {
    async read(guest, repository) {
      try {
        const stored = await readJson(join(directory, fileName(guest, repository)));
        return stored === undefined ? undefined : stateCheck(stored, '');
      } catch {
        // Whatever is wrong with it: the next backup reads everything, and writes it anew.
        return 'damaged';
      }
    },
    async write(guest, repository, state) {
      await makeDirectory(directory);
      const stale = [...new Set(state.stale)].slice(-mostStale);
      await writeJson(join(directory, fileName(guest, repository)), { ...state, stale } satisfies IntervalState);
    },
    async repositoriesOf(guest) {
      const names = (await namesIn(directory)).filter((name) => name.startsWith(`${guest}@`) && name.endsWith('.json'));
      return names.map((name) => name.slice(guest.length + 1, -'.json'.length));
    },
  };
}

const bitmapName = matching('a bitmap of ours', /^sf\.[0-9a-f]{8}\.[0-9a-f]{8}$/);

const diskFields = {
  name: matching('a disk', /^disk\d+$/),
  bytes: count,
  file: text,
  bitmap: bitmapName,
  persistent: truth,
  count,
};

const stateCheck = object<IntervalState>({
  since: orNull(identifier(isBackupId)),
  disks: list(object<DiskInterval>(diskFields)),
  pending: orNull(
    object({
      backup: identifier(isBackupId),
      disks: list(object<PendingInterval>({ ...diskFields, follows: orNull(bitmapName), sentinel: text })),
    }),
  ),
  stale: list(bitmapName),
});
