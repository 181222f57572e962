/** What a host does with a point in time once its guest runs again: copy it, commit a restore point, clean up. */

import type { HostConfig } from '../host/config.ts';
import type { Driver } from '../host/drivers/driver.ts';
import type { Journal } from '../host/journal/journal.ts';
import { createTurns } from '../host/window/turns.ts';
import type { Log } from '../lib/log.ts';
import { isStillframeError, messageOf, StillframeError } from '../model/errors.ts';
import type { BackupId, GuestId } from '../model/ids.ts';
import type { DiskProgress, RestorePoint } from '../model/point/point.ts';
import type { BackupRequest } from '../model/workflows/backup-guest.ts';
import type { RepositoryNamed } from '../repository/known.ts';
import type { Signer } from '../repository/signature.ts';
import { commitPoint, committedPoint } from './commit.ts';
import { createCopies } from './copy.ts';
import type { Reaper } from './reaper.ts';
import type { Sessions } from './sessions.ts';

export interface Backups {
  /** Before a freeze: the repository is there, and it is the one that this host has known. Returns its id. @throws repository-* */
  check(repository: string): Promise<string>;
  /**
   * Copies, hashes and inspects every disk into the repository's session, in a child process of its own. A repeated call
   * starts the bytes over, from the same point in time, and does nothing once the point is committed.
   * @throws point-in-time-lost, scratch-exhausted, copy-failed, repository-*
   */
  copy(request: BackupRequest, options: { signal: AbortSignal; onProgress: (progress: DiskProgress) => void }): Promise<void>;
  /**
   * Commits what was copied, graded by what this host's own journal and its own copy say. A repeated call answers with the same point.
   * @throws point-in-time-lost, scratch-exhausted, copy-failed, repository-*
   */
  commit(request: BackupRequest): Promise<RestorePoint>;
  /** Removes everything of this backup from QEMU, scratch and its session in the repository; a committed point stays. Idempotent. */
  cleanUp(request: Pick<BackupRequest, 'guest' | 'backup'>): Promise<void>;
}

export interface BackupParts {
  driver: Driver;
  journal: Pick<Journal, 'captured'>;
  config: Pick<HostConfig, 'host'>;
  repositoryNamed: RepositoryNamed;
  sessions: Sessions;
  reaper: Pick<Reaper, 'claim'>;
  /** The worker ends: copies stop at once, and the next worker's read the same points in time. */
  ending: AbortSignal;
  /** Of the points of this host. */
  signer: Signer;
  log: Log;
}

export function createBackups({
  driver,
  journal,
  config,
  repositoryNamed,
  sessions,
  reaper,
  ending,
  signer,
  log,
}: BackupParts): Backups {
  const runCopy = createCopies(log);
  const turns = createTurns();

  /** A workflow that was reset, or that has taken this worker for lost, asks for a step while the one before it still runs. */
  async function oneAtATime<T>(backup: BackupId, step: () => Promise<T>): Promise<T> {
    using _ = await reaper.claim(backup);
    const endTurn = await turns.take(backup);
    try {
      return await step();
    } finally {
      endTurn();
    }
  }

  /** What cannot be settled now is settled before the next point in time, as of a backup that was not committed: that one reads more. */
  async function settle(guest: GuestId, backup: BackupId, committed: boolean): Promise<void> {
    await driver.pointInTime.settle(guest, backup, committed).catch((error: unknown) =>
      log('warn', `the next backup of this guest may have to read more of its disks than has changed: ${messageOf(error)}`, {
        guest,
        backup,
      }),
    );
  }

  return {
    async check(name) {
      return (await repositoryNamed(name)).id;
    },

    copy: ({ guest: id, backup, repository: name }, { signal, onProgress }) =>
      oneAtATime(backup, async () => {
        const repository = await repositoryNamed(name);
        // The workflow was reset behind the commit: what it is to do is done.
        if (await committedPoint({ guest: id, backup, repository }, signer)) return;
        const guest = await driver.guest(id);
        const exports = await driver.pointInTime.exports(guest, backup);
        const lost = new AbortController();
        exports.lost.catch((error: unknown) => lost.abort(error));
        const stop = () => lost.abort(workerEnding(backup));
        ending.addEventListener('abort', stop, { once: true });
        if (ending.aborted) stop();
        try {
          if (await repository.abandon(backup))
            log('info', 'removed what an interrupted copy had left; starting over from the same point in time', { backup });
          await sessions.record({ backup, guest: id, repository: name });
          const directory = await repository.begin(backup);
          const copy = { ...exports, directory, repository: repository.directory };
          const disks = await runCopy(copy, AbortSignal.any([signal, lost.signal]), onProgress);
          await repository.recordDisks(backup, disks);
        } finally {
          ending.removeEventListener('abort', stop);
          await exports.close();
        }
      }),

    commit: ({ guest, backup, repository: name }) =>
      oneAtATime(backup, async () => {
        const request = { guest, backup, repository: await repositoryNamed(name) };
        const point = await commitPoint(request, { driver, journal, host: config.host, sessions, signer });
        await settle(guest, backup, true);
        return point;
      }),

    async cleanUp({ guest, backup }) {
      using _ = await reaper.claim(backup);
      await driver.pointInTime.end(guest, { backup });
      await settle(guest, backup, false);
      try {
        await sessions.abandon(backup);
      } catch (error) {
        // What a copy began there cannot be reached: QEMU and scratch are free all the same.
        if (!isStillframeError(error, 'repository-missing', 'repository-changed')) throw error;
        log('warn', `nothing was removed from the repository yet: ${error.message}`, { backup });
      }
    },
  };
}

function workerEnding(backup: BackupId): StillframeError {
  return new StillframeError(
    'copy-failed',
    `the host worker ends while backup ${backup} is copied: the next one copies from the same point in time`,
    { backup },
  );
}
