/** guest-file-open: a file by its path and an fopen(3) mode; answers a handle. */

import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { EEXIST } from '../errno.ts';
import { openFlags, SystemError, type Files } from '../platform.ts';
import { findDoubtful, whenReachable } from '../system/reach.ts';
import { asCommandError, withoutNul } from '../system/call-errors.ts';

export const fileOpen: Command = {
  takes: { path: { type: 'string' }, mode: { type: 'string', optional: true } },
  run({ platform, log, fileHandles }, args) {
    const path = args.path as string;
    const mode = (args.mode as string | undefined) ?? 'r';
    log.audit(`guest-file-open called, filepath: ${path}, mode: ${mode}`);
    const flags = flagsOf(mode);
    withoutNul('path', path);
    const failed = `failed to open file '${path}' (mode: '${mode}')`;
    const doubtful = findDoubtful(platform, [path]);
    return whenReachable(platform, doubtful, failed, () => {
      const handle = fileHandles.add(open(platform.files, path, flags, mode), doubtful);
      log.audit(`guest-file-open, handle: ${handle}`);
      return handle;
    });
  },
};

const { readOnly, writeOnly, readWrite, create, exclusive, truncate, append } = openFlags;

const modes = new Map([
  ['r', readOnly],
  ['w', writeOnly | create | truncate],
  ['a', writeOnly | create | append],
  ['r+', readWrite],
  ['w+', readWrite | create | truncate],
  ['a+', readWrite | create | append],
]);

/** A FIFO without a peer must not block the agent, and a terminal must not become its controlling terminal. */
const always = openFlags.nonBlocking | openFlags.noControllingTerminal;

/** A `b` may stand second or third and changes nothing (fopen(3)). @throws CommandError */
function flagsOf(mode: string): number {
  const flags = /^[rwa](b?\+?|\+b)$/.test(mode) ? modes.get(mode.replace('b', '')) : undefined;
  if (flags === undefined) throw new CommandError(`invalid file open mode '${mode}'`);
  return flags | always;
}

/** qemu-ga creates files with mode 0666, whatever the umask; an existing file keeps its mode. */
function open(files: Files, path: string, flags: number, mode: string): number {
  const failed = `failed to open file '${path}' (mode: '${mode}')`;
  const created = flags & create ? asCommandError(failed, () => createFile(files, path, flags)) : undefined;
  if (created === undefined) return asCommandError(failed, () => files.open(path, flags & ~create, 0));
  try {
    files.changeMode(created, 0o666);
  } catch (error) {
    files.close(created);
    files.unlink(path);
    return asCommandError(`failed to set permission 0666 on new file '${path}' (mode: '${mode}')`, () => {
      throw error;
    });
  }
  return created;
}

/** Undefined when such a file exists already; also for a dangling link, through which nothing is created. */
function createFile(files: Files, path: string, flags: number): number | undefined {
  try {
    return files.open(path, flags | exclusive, 0);
  } catch (error) {
    if (error instanceof SystemError && error.errno === EEXIST) return undefined;
    throw error;
  }
}
