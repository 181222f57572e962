/** The files that clients have open, by their handles. Handles belong to the agent, not to a connection, and are not used again after a restart. */

import { CommandError } from '../command-error.ts';
import type { Log } from '../log.ts';
import type { Platform } from '../platform.ts';
import { whenReachable } from './reach.ts';
import { asCommandError } from './call-errors.ts';

export interface FileHandles {
  /** The handle of a file descriptor from now on; `doubtful`: its path, on a filesystem that may hang. */
  add(fd: number, doubtful: string | undefined): number;
  /** Has `act` work on the descriptor, later where it may hang. @throws CommandError when there is none, and `failed: reason` for its SystemError */
  use<T>(handle: number | bigint, failed: string, act: (fd: number) => T): T | Promise<T>;
  remove(handle: number | bigint): void;
}

/** Scripts rely on it: qemu-ga's first handle. */
const firstHandle = 1000;

/** qemu-ga keeps its counter in 32 bits, and both read the same file. */
const lastHandle = 2 ** 31 - 1;

export function createFileHandles(
  platform: Platform,
  { log, stateDirectory }: { log: Log; stateDirectory: string },
): FileHandles {
  const path = `${stateDirectory}/qga.state`;
  const open = new Map<number | bigint, { fd: number; doubtful: string | undefined }>();
  let next: number | undefined;

  /** A file that cannot be kept costs the promise about restarts, and no more. */
  function keep(counter: number): void {
    try {
      platform.files.replaceText(path, `[global]\nfd_counter=${counter}\n`, 0o600);
    } catch (error) {
      log.note('warning', `the file handles' counter cannot be kept in ${path}: ${(error as Error | null)?.message}`);
    }
  }

  return {
    add(fd, doubtful) {
      const handle = next ?? readCounter(platform, path);
      next = handle >= lastHandle ? firstHandle : handle + 1;
      open.set(handle, { fd, doubtful });
      keep(next);
      return handle;
    },
    use(handle, failed, act) {
      const file = open.get(handle);
      if (file === undefined) throw new CommandError(`handle '${handle}' has not been found`);
      const { fd, doubtful } = file;
      return whenReachable(platform, doubtful, failed, () => asCommandError(failed, () => act(fd)));
    },
    remove: (handle) => void open.delete(handle),
  };
}

/** Whatever is in the file: an agent that does not start because of it would help nobody. */
function readCounter({ files }: Platform, path: string): number {
  let text: string;
  try {
    text = files.readText(path);
  } catch {
    return firstHandle;
  }
  const counter = Number(/^fd_counter=(\d{1,10})$/m.exec(text)?.[1]);
  return counter >= firstHandle && counter <= lastHandle ? counter : firstHandle;
}
