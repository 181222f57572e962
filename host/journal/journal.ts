/**
 * The journal: what is owed to which guest, and how each window ended. It alone, with the channels, is enough to thaw.
 *
 * An intent is kept twice, so that no file or directory that is damaged or removed takes the debt with it:
 * `<state>/journal/<guest>/open.<window>` and `<state>/owed/<guest>@<window>` exist from before the first byte of a freeze until the
 * window's outcome is on the disk; `<state>/journal/<guest>/outcomes/<window>` holds an outcome. A window is named
 * `<epoch>.<backup>.<attempt>.json`. Every write is whole and synced, so worker, warden and `thaw --local` may read at any time.
 *
 * A debt is what the newest readable copy says, unless the outcome of just that window is there. What a crash leaves:
 *  - in `begin`, with one of the copies or both: a debt of a freeze that was not sent yet. It is thawed, which changes nothing.
 *  - between `begin` and `close`: both copies, the debt.
 *  - in `close`, after the outcome, with both copies or the second one: closed, because the outcome with its evidence was first.
 * A copy that cannot be read is a debt of unknown size, unless its window has an outcome or another copy says what is owed: it is
 * reported, and never taken for none.
 */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isStillframeError, messageOf, StillframeError } from '../../model/errors.ts';
import { guestId, isGuestId, type BackupId, type GuestId } from '../../model/ids.ts';
import { boundClaim } from '../../model/window/bounds.ts';
import { mostPerHour } from '../../model/window/lease.ts';
import type { WindowKey, WindowOutcome } from '../../model/window/window.ts';
import { hostBootId, monotonicMs } from '../../lib/clock.ts';
import { nameOfThisProcess } from '../../lib/process.ts';
import type { Intent } from './intent.ts';
import { closedAgo, outcomesIn, readOutcome, removeOldOutcomes, writeOutcome } from './outcomes.ts';
import { isCopyName, namesBelow, readCopies, removeCopies, writeCopies, type Copies, type CopyPlace } from './owed.ts';
import { windowName } from './window-name.ts';

export interface Journal {
  /** Makes an intent durable under a new epoch; its claim is cut to what a record may hold. @throws obligation-open, journal-damaged, journal-unwritable */
  begin(intent: Omit<Intent, 'epoch' | 'openedAt' | 'pid' | 'holder' | 'startedMs' | 'hostBoot'>): Promise<Intent>;
  /** Makes an outcome durable, then lets go of its intent. */
  close(outcome: WindowOutcome): Promise<void>;
  /** What is still owed, on every guest. */
  openIntents(): Promise<{ intents: Intent[]; damaged: DamagedIntent[] }>;
  /** Whether `openIntents()` may find anything: takes microseconds, for callers that poll. */
  mayHaveIntents(): boolean;
  /** @throws journal-damaged when it cannot be read what is owed */
  intentOf(guest: GuestId): Promise<Intent | null>;
  /** Null when there is none that can be read, as each of the following. */
  outcome(key: WindowKey): Promise<WindowOutcome | null>;
  /** The newest outcome of this backup that has a point in time; null when none has. */
  captured(guest: GuestId, backup: BackupId): Promise<WindowOutcome | null>;
  /** The newest outcome of a guest. */
  latest(guest: GuestId): Promise<WindowOutcome | null>;
  /** Milliseconds since each recent window of a guest closed, newest first. */
  closedAgo(guest: GuestId): Promise<number[]>;
}

/** A guest that may be owed a thaw: these files are there, and cannot be read. */
export interface DamagedIntent {
  guest: GuestId;
  paths: string[];
}

export function openJournal({ stateDir }: { stateDir: string }): Journal {
  const directory = join(stateDir, 'journal');
  const owedDirectory = join(stateDir, 'owed');
  // Payloads are typed, and unchecked: no other text may become a path.
  const guestDirectory = (guest: GuestId) => join(directory, guestId(guest));
  const outcomesPath = (guest: GuestId) => join(guestDirectory(guest), 'outcomes');
  const copyPlaces = (guest: GuestId): CopyPlace[] => [
    { directory: guestDirectory(guest), prefix: openPrefix },
    { directory: owedDirectory, prefix: `${guestId(guest)}${afterGuest}` },
  ];

  const owedBy = async (guest: GuestId, { intents, damaged }: Copies): Promise<Intent | null> => {
    const [newest] = intents;
    if (newest && (await readOutcome(outcomesPath(guest), guest, newest)) === null) return newest;
    const unknown: Copies['damaged'] = [];
    for (const each of damaged)
      if (!each.window || (await readOutcome(outcomesPath(guest), guest, each.window)) === null) unknown.push(each);
    if (unknown.length > 0) throw damagedCopies(guest, unknown);
    return null;
  };

  const intentOf = async (guest: GuestId) => owedBy(guest, await readCopies(guest, copyPlaces(guest)));

  async function guestsWithCopies(): Promise<GuestId[]> {
    const owed = (await namesBelow(owedDirectory)).map((name) => owedGuest(name) ?? '');
    return [...new Set([...(await namesBelow(directory)), ...owed])].filter(isGuestId);
  }

  return {
    async begin(wanted) {
      const { guest } = wanted;
      // What could not be written at the close must be refused before anything is owed.
      windowName({ ...wanted, epoch: 0 });
      const places = copyPlaces(guest);
      try {
        const copies = await readCopies(guest, places);
        const owed = await owedBy(guest, copies);
        if (owed) throw stillOwed(owed);
        const last = (await outcomesIn(outcomesPath(guest))).at(-1);
        const intent: Intent = {
          ...wanted,
          epoch: Math.max(last?.epoch ?? 0, copies.intents[0]?.epoch ?? 0) + 1,
          openedAt: new Date().toISOString(),
          pid: process.pid,
          holder: nameOfThisProcess(),
          startedMs: monotonicMs(),
          hostBoot: hostBootId(),
        };
        await writeCopies({ ...intent, claim: boundClaim(intent.claim) }, places);
        return intent;
      } catch (error) {
        if (isStillframeError(error)) throw error;
        throw new StillframeError(
          'journal-unwritable',
          `the journal in ${directory} cannot be used (${messageOf(error)}): nothing was frozen; make room or fix the permissions`,
          { directory },
          error,
        );
      }
    },

    async close(outcome) {
      const { guest } = outcome;
      await writeOutcome(outcomesPath(guest), outcome);
      await removeCopies(guest, copyPlaces(guest), outcome);
      await removeOldOutcomes(outcomesPath(guest));
    },

    async openIntents() {
      const intents: Intent[] = [];
      const damaged: DamagedIntent[] = [];
      for (const guest of await guestsWithCopies()) {
        const copies = await readCopies(guest, copyPlaces(guest));
        try {
          const intent = await owedBy(guest, copies);
          if (intent) intents.push(intent);
        } catch {
          damaged.push({ guest, paths: copies.damaged.map(({ path }) => path) });
        }
      }
      return { intents, damaged };
    },

    mayHaveIntents() {
      const names = (path: string) => (statSync(path, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(path) : []);
      return (
        names(owedDirectory).some((name) => owedGuest(name) !== null) ||
        names(directory).some((guest) => names(join(directory, guest)).some(isOpenName))
      );
    },

    intentOf,

    async outcome({ guest, backup, attempt }) {
      const keys = await outcomesIn(outcomesPath(guest));
      const key = keys.findLast((each) => each.backup === backup && each.attempt === attempt);
      return key === undefined ? null : readOutcome(outcomesPath(guest), guest, key);
    },

    async captured(guest, backup) {
      const keys = (await outcomesIn(outcomesPath(guest))).filter((key) => key.backup === backup);
      for (const key of keys.toReversed()) {
        const outcome = await readOutcome(outcomesPath(guest), guest, key);
        if (outcome !== null && outcome.pointInTimeAt !== null) return outcome;
      }
      return null;
    },

    async latest(guest) {
      const key = (await outcomesIn(outcomesPath(guest))).at(-1);
      return key === undefined ? null : readOutcome(outcomesPath(guest), guest, key);
    },

    async closedAgo(guest) {
      const keys = (await outcomesIn(outcomesPath(guest))).slice(-mostPerHour).toReversed();
      const ago = await Promise.all(keys.map((key) => closedAgo(outcomesPath(guest), key)));
      return ago.filter((each) => each !== null);
    },
  };
}

const openPrefix = 'open.';
const isOpenName = (name: string) => name.startsWith(openPrefix) && isCopyName(name.slice(openPrefix.length));

/** No id has this character. */
const afterGuest = '@';

/** Null for a name that is not one of the second copies. */
function owedGuest(name: string): string | null {
  const at = name.indexOf(afterGuest);
  return at > 0 && isCopyName(name.slice(at + 1)) ? name.slice(0, at) : null;
}

function stillOwed({ guest, guestName, epoch, backup }: Intent): StillframeError {
  return new StillframeError(
    'obligation-open',
    `guest ${guestName} is still owed a thaw from epoch ${epoch} (backup ${backup}): no new freeze before "stillframe thaw --local" or the host worker has confirmed it`,
    { guest, epoch, backup },
  );
}

function damagedCopies(guest: GuestId, damaged: Copies['damaged']): StillframeError {
  const paths = damaged.map(({ path }) => path).join(' and ');
  return new StillframeError(
    'journal-damaged',
    `guest ${guest} may be owed a thaw, and ${paths} cannot be read (${damaged[0]?.why}): run "stillframe guest thaw ${guest}", then remove what cannot be read`,
    { guest },
  );
}
