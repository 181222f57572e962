/** The agent's own process, by Node. It cannot fork, and has no syslog(3). */

import { writeFileSync, writeSync } from 'node:fs';
import { ENOSYS } from '../../core/errno.ts';
import type { ProcessControl } from '../../core/platform.ts';
import { sys, systemError } from './system-error.ts';

export function createProcessControl(args: readonly string[]): ProcessControl {
  return {
    pid: process.pid,
    args,
    environment: process.env as Record<string, string>,
    onTerminate(listener) {
      process.on('SIGTERM', listener);
      process.on('SIGINT', listener);
      // Node catches this one to open its debugger.
      process.once('SIGUSR1', () => process.kill(process.pid, 'SIGKILL'));
    },
    exit: (status) => process.exit(status),
    kill(pid, signal) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
    standardOutput: (text) => void writeSync(1, text),
    standardError: (text) => void writeSync(2, text),
    syslog() {},
    daemonize() {
      throw systemError(ENOSYS);
    },
    writePidFile: (path) => sys(() => writeFileSync(path, `${process.pid}\n`, { mode: 0o600 })),
  };
}
