/**
 * The journal: what is owed to which guest, and how each window ended. It alone, with the channels, is enough to thaw.
 *
 * `<directory>/<guest>/open.json` exists from before the first byte of a freeze until the window's outcome is on the disk;
 * `<directory>/<guest>/outcomes/<epoch>.<backup>.<attempt>.json` holds an outcome. Every write is whole and synced, so
 * worker, warden and `thaw --local` may read at any time.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isStillframeError, messageOf, StillframeError } from '../../model/errors.ts';
import { backupId, guestId, isGuestId, type BackupId, type GuestId } from '../../model/ids.ts';
import { boundClaim } from '../../model/window/bounds.ts';
import type { WindowKey, WindowOutcome } from '../../model/window/window.ts';
import { hostBootId, monotonicMs } from '../../lib/clock.ts';
import { makeDirectory, namesIn, readBeginning, readJson, removeDurably, writeJson } from '../../lib/durable.ts';
import { readIntent, type Intent } from './intent.ts';

/**
 * An outcome behind the monotonic time of its writing, by which the limits are kept when the clock is set. The times come
 * first, so that counting windows reads the beginning of a record and never what a guest said.
 */
interface OutcomeRecord {
  closedMs: number;
  hostBoot: string;
  closedAt: string;
  outcome: WindowOutcome;
}

const headOfRecord = /^\{"closedMs":([\d.]+),"hostBoot":"([0-9a-f-]+)","closedAt":"([^"]+)",/;

export interface Journal {
  /** Makes an intent durable under a new epoch; its claim is cut to what a record may hold. @throws obligation-open, journal-unwritable */
  begin(intent: Omit<Intent, 'epoch' | 'openedAt' | 'pid' | 'startedMs' | 'hostBoot'>): Promise<Intent>;
  /** Makes an outcome durable, then lets go of its intent. */
  close(outcome: WindowOutcome): Promise<void>;
  /** What is still owed, on every guest; `damaged` names files that cannot be read. */
  openIntents(): Promise<{ intents: Intent[]; damaged: string[] }>;
  /** Whether `openIntents()` may find anything: takes microseconds, for callers that poll. */
  mayHaveIntents(): boolean;
  intentOf(guest: GuestId): Promise<Intent | null>;
  outcome(key: WindowKey): Promise<WindowOutcome | null>;
  /** The newest outcome of this backup that has a point in time; null when none has. */
  captured(guest: GuestId, backup: BackupId): Promise<WindowOutcome | null>;
  /** The newest outcome of a guest. */
  latest(guest: GuestId): Promise<WindowOutcome | null>;
  /** Milliseconds since each recent window of a guest closed, newest first. */
  closedAgo(guest: GuestId): Promise<number[]>;
}

/** More than the windows of a day at the default limits; older outcomes have been fetched long ago. */
const outcomesKept = 300;

export function openJournal(directory: string): Journal {
  // Payloads are typed, and unchecked: no other text may become a path.
  const guestDirectory = (guest: GuestId) => join(directory, guestId(guest));
  const openPath = (guest: GuestId) => join(guestDirectory(guest), 'open.json');
  const outcomesPath = (guest: GuestId) => join(guestDirectory(guest), 'outcomes');

  /** Names of outcome files, oldest first: the epoch leads, padded. */
  const outcomeNames = async (guest: GuestId) =>
    (await namesIn(outcomesPath(guest))).filter((name) => name.endsWith('.json')).toSorted();
  const newestEpoch = async (guest: GuestId) => Number((await outcomeNames(guest)).at(-1)?.split('.')[0] ?? 0);

  const outcomeIn = async (guest: GuestId, name: string | undefined): Promise<WindowOutcome | null> =>
    name === undefined ? null : ((await readJson(join(outcomesPath(guest), name))) as OutcomeRecord).outcome;

  const intentOf = async (guest: GuestId): Promise<Intent | null> => {
    const stored = await readJson(openPath(guest));
    if (stored === undefined) return null;
    const intent = readIntent(stored);
    // The process died between writing the outcome and letting go of the intent: the outcome carries closing evidence.
    return intent.epoch > (await newestEpoch(guest)) ? intent : null;
  };

  return {
    async begin(wanted) {
      const { guest } = wanted;
      // What could not be written at the close must be refused before anything is owed.
      outcomeName({ ...wanted, epoch: 0 });
      try {
        const owed = await intentOf(guest);
        if (owed) throw stillOwed(owed);
        const intent: Intent = {
          ...wanted,
          epoch: (await newestEpoch(guest)) + 1,
          openedAt: new Date().toISOString(),
          pid: process.pid,
          startedMs: monotonicMs(),
          hostBoot: hostBootId(),
        };
        await makeDirectory(outcomesPath(guest));
        await writeJson(openPath(guest), { ...intent, claim: boundClaim(intent.claim) });
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
      const { closedAt } = outcome;
      const record: OutcomeRecord = { closedMs: monotonicMs(), hostBoot: hostBootId(), closedAt, outcome };
      const name = outcomeName(outcome);
      await writeJson(join(outcomesPath(guest), name), record);
      await removeDurably(openPath(guest));
      for (const old of (await outcomeNames(guest)).slice(0, -outcomesKept)) await removeDurably(join(outcomesPath(guest), old));
    },

    async openIntents() {
      const intents: Intent[] = [];
      const damaged: string[] = [];
      for (const guest of await namesIn(directory)) {
        if (!isGuestId(guest)) continue;
        try {
          const intent = await intentOf(guest);
          if (intent) intents.push(intent);
        } catch {
          damaged.push(openPath(guest));
        }
      }
      return { intents, damaged };
    },

    mayHaveIntents() {
      return existsSync(directory) && readdirSync(directory).some((guest) => existsSync(join(directory, guest, 'open.json')));
    },

    intentOf,

    async outcome(key) {
      const ending = `.${key.backup}.${key.attempt}.json`;
      return outcomeIn(
        key.guest,
        (await outcomeNames(key.guest)).findLast((each) => each.endsWith(ending)),
      );
    },

    async captured(guest, backup) {
      const names = (await outcomeNames(guest)).filter((name) => name.split('.').slice(1, -2).join('.') === backup);
      for (const name of names.toReversed()) {
        const outcome = await outcomeIn(guest, name);
        if (outcome !== null && outcome.pointInTimeAt !== null) return outcome;
      }
      return null;
    },

    async latest(guest) {
      return outcomeIn(guest, (await outcomeNames(guest)).at(-1));
    },

    async closedAgo(guest) {
      const names = (await outcomeNames(guest)).slice(-outcomesForLimits).toReversed();
      const boot = hostBootId();
      const ago: number[] = [];
      for (const name of names) {
        const { closedMs, hostBoot, closedAt } = await readTimes(join(outcomesPath(guest), name));
        ago.push(hostBoot === boot ? monotonicMs() - closedMs : Math.max(0, Date.now() - Date.parse(closedAt)));
      }
      return ago;
    },
  };
}

/** The times of a record; earlier versions wrote the outcome first. */
async function readTimes(path: string): Promise<Omit<OutcomeRecord, 'outcome'>> {
  const head = headOfRecord.exec(await readBeginning(path, longestHead));
  if (head) return { closedMs: Number(head[1]), hostBoot: head[2]!, closedAt: head[3]! };
  const { outcome, ...times } = (await readJson(path)) as OutcomeRecord;
  return { ...times, closedAt: outcome.closedAt };
}

/** Two numbers, a boot id and a date. */
const longestHead = 256;

/** The epoch leads, padded, so that names sort by age. @throws input-invalid */
function outcomeName({ epoch, backup, attempt }: Pick<WindowOutcome, 'epoch' | 'backup' | 'attempt'>): string {
  if (!Number.isSafeInteger(attempt) || attempt < 1)
    throw new StillframeError('input-invalid', `attempt ${JSON.stringify(attempt)} is not a whole number from 1`, { backup });
  return `${String(epoch).padStart(12, '0')}.${backupId(backup)}.${attempt}.json`;
}

/** The hourly limit never needs to look further back; reading more would only cost time before each window. */
const outcomesForLimits = 64;

function stillOwed({ guest, guestName, epoch, backup }: Intent): StillframeError {
  return new StillframeError(
    'obligation-open',
    `guest ${guestName} is still owed a thaw from epoch ${epoch} (backup ${backup}): no new freeze before "stillframe thaw --local" or the host worker has confirmed it`,
    { guest, epoch, backup },
  );
}
