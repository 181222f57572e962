/** The agent's log: notes to standard error or its log file, audit lines to syslog. Nothing reaches a disk while it is frozen. */

import { openFlags, type Platform } from './platform.ts';

export type Level = 'error' | 'critical' | 'warning' | 'message' | 'info' | 'debug';

export interface Log {
  /** A line of `<seconds>.<microseconds>: <level>: <text>`, as qemu-ga writes it; without -v only errors are written. */
  note(level: Level, text: string): void;
  /** What hosts requested of this guest, for its owner: to syslog, with the level in front of the text as in qemu-ga. */
  audit(text: string): void;
  /** From here on lines are kept in memory, */
  hold(): void;
  /** until they are written in their order. */
  release(): void;
}

/** A frozen guest logs little; what a client provokes beyond that is counted, not kept. */
const mostHeld = 256;

export function createLog(platform: Platform, { file, verbose }: { file: string | undefined; verbose: boolean }): Log {
  const write = file === undefined ? platform.process.standardError : appendTo(platform, file);
  let held: (() => void)[] | undefined;
  let dropped = 0;

  function emit(line: () => void): void {
    if (!held) line();
    else if (held.length < mostHeld) held.push(line);
    else dropped++;
  }

  return {
    note(level, text) {
      if (!verbose && level !== 'error' && level !== 'critical') return;
      const line = `${timestamp(platform)}: ${level}: ${escapeControls(text)}\n`;
      emit(() => write(line));
    },
    audit: (text) => emit(() => platform.process.syslog('info', `info: ${escapeControls(text)}`)),
    hold: () => void (held ??= []),
    release() {
      const lines = held ?? [];
      held = undefined;
      lines.forEach((line) => line());
      if (dropped > 0) platform.process.syslog('warning', `warning: ${dropped} lines were dropped while frozen`);
      dropped = 0;
    },
  };
}

/** @throws SystemError when the file cannot be opened: an agent without the log that its owner asked for does not start */
function appendTo({ files, bytes }: Platform, path: string): (text: string) => void {
  const fd = files.open(path, openFlags.writeOnly | openFlags.create | openFlags.append | openFlags.noControllingTerminal, 0o600);
  return (text) => {
    try {
      files.write(fd, bytes.utf8(text), 0);
    } catch {
      // A full disk must not end the agent, and there is no other place to report it.
    }
  };
}

function timestamp({ clock }: Platform): string {
  const microseconds = clock.realNs() / 1000n;
  return `${microseconds / 1_000_000n}.${String(microseconds % 1_000_000n).padStart(6, '0')}`;
}

/** Lines hold text of clients (paths, arguments): a line break in it must not begin another line, and an escape must not reach a terminal. */
function escapeControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
