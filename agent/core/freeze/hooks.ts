/** Hooks: programs of the guest's owner that quiesce an application before a freeze and resume it after the thaw. */

import { CommandError } from '../command-error.ts';
import { isWritableByOthers, SystemError, type ChildEnd, type Platform } from '../platform.ts';
import { SIGKILL } from '../signals.ts';

export interface Hook {
  name: string;
  path: string;
}

export interface HookResult {
  name: string;
  outcome: 'success' | 'failed' | 'timed-out';
  /** What it printed (its end), else how it ended; absent for a success that printed nothing. */
  detail?: string;
}

/** A database that flushes takes seconds; the lease runs at the same time. */
const hookLimitMs = 10_000;

/** Enough for an error message. */
const mostDetail = 1024;

/** Names that editors and packages leave behind; qemu-ga's own dispatcher ignores them too. */
const leftover = /(~|\.bak|\.orig|\.rpmnew|\.rpmorig|\.rpmsave|\.sample|\.dpkg-[^.]*)$/;

/**
 * The program at `path`, or the programs of the directory there, by name; those of `path.d` when only that exists.
 * @throws CommandError when neither exists, or when other users can write one
 */
export function findHooks({ files }: Platform, path: string): Hook[] {
  const place = [path, `${path}.d`].find((each) => exists(files, each));
  if (place === undefined) throw new CommandError(`can't access fsfreeze hook '${path}': No such file or directory`);
  refuseWritable(files, place);
  if (files.status(place).kind !== 'directory') {
    if (!files.isExecutable(place)) throw new CommandError(`can't access fsfreeze hook '${place}': Permission denied`);
    return [{ name: place.slice(place.lastIndexOf('/') + 1), path: place }];
  }
  const hooks = files
    .list(place)
    .toSorted()
    .map((name) => ({ name, path: `${place}/${name}` }))
    .filter(({ name, path: program }) => !leftover.test(name) && isProgram(files, program));
  hooks.forEach((hook) => refuseWritable(files, hook.path));
  return hooks;
}

/** Hooks run as root: a program that another user can write would make that user root. */
function refuseWritable(files: Platform['files'], path: string): void {
  if (!isWritableByOthers(files.status(path))) return;
  throw new CommandError(`fsfreeze hook '${path}' can be written by other users: run "chmod go-w ${path}"`);
}

/** Runs one hook with its argument; never rejects. It does not wait for background processes of the hook. */
export function runHook(
  { children, clock, process, bytes }: Platform,
  hook: Hook,
  argument: 'freeze' | 'thaw',
  facts: Readonly<Record<string, string>>,
): Promise<HookResult> {
  const { name, path } = hook;
  const { promise, resolve } = Promise.withResolvers<HookResult>();
  const environment = Object.entries({ ...process.environment, ...facts }).map(([key, value]) => `${key}=${value}`);
  let said = '';
  let late = false;
  const finish = (end: ChildEnd) => {
    cancel();
    child.release();
    const printed = said.trim();
    const how = 'code' in end ? `exit status ${end.code}` : `killed by signal ${end.signal}`;
    if (late) resolve({ name, outcome: 'timed-out', detail: `did not end within ${hookLimitMs / 1000} s` });
    else if ('code' in end && end.code === 0) resolve({ name, outcome: 'success', ...(printed && { detail: printed }) });
    else resolve({ name, outcome: 'failed', detail: printed || how });
  };
  let child: ReturnType<typeof children.spawn>;
  try {
    child = children.spawn(
      { programs: [path], argv: [path, argument], environment, capture: 'merged', newSession: true },
      {
        output: (_, piece) => void (said = (said + bytes.latin1(piece, 0, piece.length)).slice(-mostDetail)),
        exited: finish,
      },
    );
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return Promise.resolve({ name, outcome: 'failed', detail: error.message });
  }
  const cancel = clock.after(hookLimitMs, () => {
    late = true;
    child.kill(SIGKILL);
  });
  return promise;
}

function exists(files: Platform['files'], path: string): boolean {
  try {
    files.status(path);
    return true;
  } catch {
    return false;
  }
}

function isProgram(files: Platform['files'], path: string): boolean {
  return exists(files, path) && files.status(path).kind === 'file' && files.isExecutable(path);
}
