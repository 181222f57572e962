/** Log lines of the processes that must stay small: time, who, what, facts; one line each on standard error. */

import type { Log } from './log.ts';

export function logLine(name: string): Log {
  return (level, message, facts = {}) => {
    const said = Object.entries(facts).map(([key, value]) => ` ${key}=${value}`);
    process.stderr.write(`${new Date().toISOString()} ${level} ${name}: ${message}${said.join('')}\n`);
  };
}
