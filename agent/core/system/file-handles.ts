/** The open files of clients, by their handles. Handles belong to the agent, not to a connection, and are not reused after a restart. */

import { CommandError } from '../command-error.ts';
import type { Log } from '../log.ts';
import type { Platform } from '../platform.ts';
import { whenReachable } from './reach.ts';
import { asCommandError } from './call-errors.ts';

export interface FileHandles {
  /** Gives a file descriptor a handle; `doubtful`: its path, on a filesystem that may block. */
  add(fd: number, doubtful: string | undefined): number;
  /** Runs `act` on the descriptor, in a later turn where it may block. @throws CommandError when the handle is unknown, and `failed: reason` for its SystemError */
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

  /** When the file cannot be written, only the promise about restarts is lost. */
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

/** Whatever the file holds: an agent that fails to start because of it would help no one. */
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
