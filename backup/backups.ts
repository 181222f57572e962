/** What a host does with a point in time once its guest runs again: copy it, commit a restore point, clean up. */

import type { HostConfig } from '../host/config.ts';
import type { Driver } from '../host/drivers/driver.ts';
import type { Journal } from '../host/journal/journal.ts';
import type { Log } from '../lib/log.ts';
import { isStillframeError, StillframeError } from '../model/errors.ts';
import type { DiskProgress, RestorePoint } from '../model/point/point.ts';
import type { BackupRequest } from '../model/workflows/backup-guest.ts';
import type { KnownRepositories } from '../repository/known.ts';
import type { Repository } from '../repository/points.ts';
import type { Signer } from '../repository/signature.ts';
import { commitPoint } from './commit.ts';
import { runCopy } from './copy.ts';
import type { Leftovers } from './leftovers.ts';

export interface Backups {
  /** Before a freeze: the repository is there, and it is the one that this host has known. @throws repository-* */
  check(repository: string): Promise<void>;
  /**
   * Copies, hashes and inspects every disk into the repository's session, in a child process of its own. A repeated call
   * starts the bytes over, from the same point in time.
   * @throws point-in-time-lost, scratch-exhausted, copy-failed, repository-*
   */
  copy(request: BackupRequest, options: { signal: AbortSignal; onProgress: (progress: DiskProgress) => void }): Promise<void>;
  /**
   * Commits what was copied, graded by what this host's own journal and its own copy say. A repeated call answers with the same point.
   * @throws point-in-time-lost, scratch-exhausted, copy-failed, repository-*
   */
  commit(request: BackupRequest): Promise<RestorePoint>;
  /** Removes everything of this backup from QEMU, scratch and the repository's session; a committed point stays. Idempotent. */
  cleanUp(request: BackupRequest): Promise<void>;
}

export interface BackupParts {
  driver: Driver;
  journal: Pick<Journal, 'captured'>;
  config: Pick<HostConfig, 'host' | 'repositories'>;
  known: KnownRepositories;
  leftovers: Leftovers;
  /** Of the points of this host. */
  signer: Signer;
  log: Log;
}

export function createBackups({ driver, journal, config, known, leftovers, signer, log }: BackupParts): Backups {
  const repositoryNamed = (name: string): Promise<Repository> => {
    const path = Object.hasOwn(config.repositories, name) ? config.repositories[name] : undefined;
    if (path === undefined) {
      const names = Object.keys(config.repositories).join(', ') || 'none';
      throw new StillframeError('repository-unknown', `this host has no repository named ${name}; its file names: ${names}`, {
        repository: name,
      });
    }
    return known.open(name, path);
  };

  return {
    async check(name) {
      await repositoryNamed(name);
    },

    async copy({ guest: id, backup, repository: name }, { signal, onProgress }) {
      leftovers.claim(backup);
      const guest = await driver.guest(id);
      const repository = await repositoryNamed(name);
      const exports = await driver.pointInTime.exports(guest, backup);
      const lost = new AbortController();
      exports.lost.catch((error: unknown) => lost.abort(error));
      try {
        if (await repository.abandon(backup))
          log('info', 'removed what an interrupted copy had left; starting over from the same point in time', { backup });
        const directory = await repository.begin(backup);
        const disks = await runCopy({ directory, disks: exports.disks }, AbortSignal.any([signal, lost.signal]), onProgress);
        await repository.recordDisks(backup, disks);
      } finally {
        await exports.close();
      }
    },

    async commit({ guest, backup, repository: name }) {
      leftovers.claim(backup);
      const request = { guest, backup, repository: await repositoryNamed(name) };
      return commitPoint(request, { driver, journal, host: config.host, signer });
    },

    async cleanUp({ guest: id, backup, repository: name }) {
      leftovers.claim(backup);
      await driver.pointInTime.end(id, { backup });
      try {
        await (await repositoryNamed(name)).abandon(backup);
      } catch (error) {
        // What a copy began there cannot be reached: QEMU and scratch are free all the same.
        if (!isStillframeError(error, 'repository-missing', 'repository-changed')) throw error;
        log('warn', `nothing was removed from the repository: ${error.message}`, { backup });
      }
    },
  };
}
