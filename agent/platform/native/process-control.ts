/** The agent's own process. */

import { ESRCH } from '../../core/errno.ts';
import type { ProcessControl } from '../../core/platform.ts';
import { SIGINT, SIGTERM } from '../../core/signals.ts';
import { onSignal } from './loop.ts';
import { check, native } from './natives.ts';

/** LOG_DAEMON with LOG_ERR, LOG_WARNING, LOG_INFO (syslog(3)). */
const priorities = { error: 27, warning: 28, info: 30 };

export const processControl: ProcessControl = {
  /** It changes with daemonize. */
  get pid() {
    return native.pid();
  },
  args: native.args(),
  environment: Object.fromEntries(
    native.environment().map((text) => {
      const equals = text.indexOf('=');
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  ),
  onTerminate(listener) {
    onSignal((signal) => {
      if (signal === SIGTERM || signal === SIGINT) listener();
    });
  },
  exit: native.exit,
  kill(pid, signal) {
    const outcome = native.kill(pid, signal);
    if (outcome !== -ESRCH) check(outcome);
  },
  standardOutput: (text) => native.say(1, text),
  standardError: (text) => native.say(2, text),
  syslog: (priority, text) => native.logLine(priorities[priority], text),
  daemonize: () => void check(native.daemonize()),
  writePidFile: (path) => void check(native.writePidFile(path)),
};
