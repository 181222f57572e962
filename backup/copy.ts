/** Runs the copy of one point in time in a child process: containment for its memory, its crash and its end. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { StillframeError } from '../model/errors.ts';
import type { DiskProgress, PointDisk } from '../model/point/point.ts';
import { watchMovement } from './movement.ts';
import type { CopyJob, CopyMessage } from './copy-child.ts';

const entry = fileURLToPath(new URL('./copy-child.ts', import.meta.url));

/** The child ends with its promise: done, failed, aborted, or with this process (its IPC channel closes). */
export async function runCopy(
  job: CopyJob,
  signal: AbortSignal,
  onProgress: (progress: DiskProgress) => void,
): Promise<PointDisk[]> {
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
  const unwatch = watchMovement(child.pid!, reject);
  child.send(job);
  try {
    return await promise;
  } finally {
    unwatch();
    signal.removeEventListener('abort', stop);
    child.kill('SIGKILL');
  }
}
