/** Guards access to files and programs on filesystems whose server may be gone: a child process waits there first, so that the agent never does. */

import { CommandError } from '../command-error.ts';
import { ETIMEDOUT } from '../errno.ts';
import { mayHang, readMounts } from '../mounts.ts';
import { SystemError, type Platform } from '../platform.ts';

/** As patient as guest-get-fsinfo: a live server answers in milliseconds. */
const limitMs = 3_000;

/** The first of the paths that leads, as it is written, to a filesystem that may block. A symbolic link may lead there undetected. */
export function findDoubtful(platform: Platform, paths: readonly string[]): string | undefined {
  const risky = readMounts(platform).filter(({ type }) => mayHang.test(type));
  return paths.find((path) => {
    const absolute = path.startsWith('/') ? `${path}/` : `/${path}/`;
    return risky.some(({ mountPoint }) => absolute.startsWith(mountPoint === '/' ? '/' : `${mountPoint}/`));
  });
}

/**
 * The result of `act`, at once unless there is a `doubtful` path: then after a child has found that its filesystem answers.
 * @throws CommandError `failed: Connection timed out`
 */
export function whenReachable<T>(platform: Platform, doubtful: string | undefined, failed: string, act: () => T): T | Promise<T> {
  return doubtful === undefined ? act() : untilReached(platform, doubtful, failed).then(act);
}

async function untilReached(platform: Platform, path: string, failed: string): Promise<void> {
  const [answer] = await platform.kernel.sizes([path], limitMs);
  if (answer instanceof SystemError && answer.errno === ETIMEDOUT) throw new CommandError(`${failed}: ${answer.message}`);
}
