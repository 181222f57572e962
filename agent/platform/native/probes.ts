/** Queries to filesystems by a child process: one that blocks is abandoned, and the agent continues. */

import { EAGAIN, ETIMEDOUT } from '../../core/errno.ts';
import type { FreezeTarget, SystemError } from '../../core/platform.ts';
import { SIGKILL } from '../../core/signals.ts';
import { onEnd } from './children.ts';
import { after, pollIn, unwatch, watch } from './loop.ts';
import { checkValue, failure, native } from './natives.ts';

/** The query to make for each path; probe.c has the same numbers. */
export const probeKinds = { size: 0, trim: 1, thaw: 2, thawOnce: 3 } as const;

/** One record of probe.c: errno and four values, 64 bits each. */
const recordFields = 5;
const recordBytes = recordFields * 8;
const chunkBytes = 100 * recordBytes;

interface Details {
  minimum?: bigint;
  /** One for each path: the query is made only where this is the filesystem. */
  superblocks?: readonly Pick<FreezeTarget, 'device' | 'mountId'>[];
}

/** In the form of the C layer: major, minor and mount of each in turn. */
export function identities(superblocks: readonly Pick<FreezeTarget, 'device' | 'mountId'>[]): number[] {
  return superblocks.flatMap(({ device, mountId }) => [device.major, device.minor, mountId]);
}

/** The paths in order; `limitMs` for all of them. @throws SystemError when no child can be made */
export function probe<T>(
  kind: number,
  paths: readonly string[],
  limitMs: number,
  read: (values: readonly bigint[]) => T,
  { minimum = 0n, superblocks = [] }: Details = {},
): Promise<(T | SystemError)[]> {
  if (paths.length === 0) return Promise.resolve([]);
  const [pid, fd] = checkValue(native.probe(kind, paths, identities(superblocks), minimum));
  return new Promise((resolve) => {
    const results: (T | SystemError)[] = [];
    let ended = false;
    onEnd(pid, () => (ended = true));

    const finish = () => {
      cancel();
      unwatch(fd);
      native.close(fd);
      // It may be in a call that no signal ends; it is reaped when it ends.
      if (!ended) native.kill(pid, SIGKILL);
      while (results.length < paths.length) results.push(failure(ETIMEDOUT));
      resolve(results);
    };
    const cancel = after(limitMs, finish);
    watch(fd, pollIn, () => {
      const bytes = native.read(fd, chunkBytes);
      if (bytes === -EAGAIN) return;
      if (typeof bytes === 'number' || bytes.length === 0) return finish();
      // A record is written by one write(2), and a pipe keeps a small one in one piece (pipe(7)).
      const fields = new BigInt64Array(bytes.buffer, 0, bytes.length / 8);
      for (let at = 0; at < fields.length; at += recordFields) {
        const errno = Number(fields[at]);
        results.push(errno === 0 ? read([...fields.subarray(at + 1, at + recordFields)]) : failure(errno));
      }
      if (results.length >= paths.length) finish();
    });
  });
}
