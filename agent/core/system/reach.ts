/** Files and programs on filesystems whose server may be gone: a child of ours waits there first, so that we never do. */

import { CommandError } from '../command.ts';
import { mayHang, readMounts } from '../mounts.ts';
import { SystemError, type Platform } from '../platform.ts';

/** As patient as guest-get-fsinfo: a server that lives answers in milliseconds. */
const limitMs = 3_000;
const timedOut = 110;

/** Whether one of the paths leads, as it is written, to a filesystem that may hang; which. A symbolic link may lead there unseen. */
export function findDoubtful(platform: Platform, paths: readonly string[]): string | undefined {
  const risky = readMounts(platform).filter(({ type }) => mayHang.test(type));
  return paths.find((path) => {
    const absolute = path.startsWith('/') ? `${path}/` : `/${path}/`;
    return risky.some(({ mountPoint }) => absolute.startsWith(mountPoint === '/' ? '/' : `${mountPoint}/`));
  });
}

/** `act` once a child has seen that somebody answers there. @throws CommandError `failed: Connection timed out` */
export async function whenReachable<T>(platform: Platform, path: string, failed: string, act: () => T): Promise<T> {
  const [answer] = await platform.kernel.sizes([path], limitMs);
  if (answer instanceof SystemError && answer.errno === timedOut) throw new CommandError(`${failed}: ${answer.message}`);
  return act();
}
