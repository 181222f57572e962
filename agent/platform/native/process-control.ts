/** Our own process. */

import type { ProcessControl } from '../../core/platform.ts';
import { onSignal } from './loop.ts';
import { checked, native } from './natives.ts';

const interrupt = 2;
const terminate = 15;

/** LOG_DAEMON with LOG_ERR, LOG_WARNING, LOG_INFO (syslog(3)). */
const priorities = { error: 27, warning: 28, info: 30 };

const noSuchProcess = -3;

export const processControl: ProcessControl = {
  /** Another one after daemonize. */
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
      if (signal === terminate || signal === interrupt) listener();
    });
  },
  exit: native.exit,
  kill(pid, signal) {
    const outcome = native.kill(pid, signal);
    if (outcome !== noSuchProcess) checked(outcome);
  },
  standardOutput: (text) => native.say(1, text),
  standardError: (text) => native.say(2, text),
  syslog: (priority, text) => native.logLine(priorities[priority], text),
  daemonize: () => void checked(native.daemonize()),
  writePidFile: (path) => void checked(native.writePidFile(path)),
};
