/** Copies of one host: the driver's exports, a child process for the bytes, the repository for what is kept. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HostConfig } from '../host/config.ts';
import type { Copies } from './backups.ts';
import type { Driver } from '../host/drivers/driver.ts';
import type { Log } from '../lib/log.ts';
import { StillframeError } from '../model/errors.ts';
import type { CopyProgress } from '../model/workflows/messages.ts';
import type { PointDisk } from '../model/point/point.ts';
import { openRepository, type Repository } from '../repository/points.ts';
import type { Leftovers } from './leftovers.ts';
import type { CopyJob, CopyMessage } from './copy-child.ts';

export interface CopiesParts {
  driver: Driver;
  config: Pick<HostConfig, 'repositories'>;
  leftovers: Leftovers;
  log: Log;
}

export function createCopies({ driver, config, leftovers, log }: CopiesParts): Copies {
  const repositoryNamed = (name: string): Promise<Repository> => {
    const path = config.repositories[name];
    if (path === undefined) {
      const names = Object.keys(config.repositories).join(', ') || 'none';
      throw new StillframeError('repository-unknown', `this host has no repository named ${name}; its file names: ${names}`, {
        repository: name,
      });
    }
    return openRepository(path, { create: true });
  };

  return {
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
        return await runCopy({ directory, disks: exports.disks }, AbortSignal.any([signal, lost.signal]), onProgress);
      } finally {
        await exports.close();
      }
    },

    async commit({ guest: id, backup, repository: name, point }) {
      leftovers.claim(backup);
      const repository = await repositoryNamed(name);
      await driver.pointInTime.verify(await driver.guest(id), backup);
      await repository.commit(point);
    },

    async release({ guest: id, backup, repository: name }) {
      leftovers.claim(backup);
      await driver.pointInTime.end(id, backup);
      await (await repositoryNamed(name)).abandon(backup);
    },
  };
}

const entry = fileURLToPath(new URL('./copy-child.ts', import.meta.url));

/** The child ends with its promise: done, failed, aborted, or with this process (its IPC channel closes). */
async function runCopy(job: CopyJob, signal: AbortSignal, onProgress: (progress: CopyProgress) => void): Promise<PointDisk[]> {
  const child = fork(entry, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const { promise, resolve, reject } = Promise.withResolvers<PointDisk[]>();
  const stop = () => reject(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  child.on('message', (message: CopyMessage) => {
    if (message.kind === 'progress') onProgress(message.progress);
    else if (message.kind === 'done') resolve(message.disks);
    else reject(new StillframeError(message.code, message.message, message.facts));
  });
  child.once('error', reject);
  child.once('exit', (code, killedBy) =>
    reject(new StillframeError('copy-failed', `the copy's process ended with ${killedBy ?? `status ${code}`}`, {})),
  );
  child.send(job);
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', stop);
    child.kill('SIGKILL');
  }
}
