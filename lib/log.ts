/** Log lines of a process: time, who, what, facts; one line each on standard error. */

import { escapeAndCut } from './escape.ts';

/** What a message was built from; plain and small. */
type Facts = Readonly<Record<string, string | number | boolean | null>>;

/** How code reports what it does, wherever the process sends it. */
export type Log = (level: 'info' | 'warn' | 'error', message: string, facts?: Facts) => void;

/** UTF-16 units of one line: an error's sentence with its facts has hundreds. */
const longestLine = 2_048;

/**
 * A log of the process `name`, without a library: some of these processes must stay small. Messages and facts can hold text of guests:
 * a line stays one line, of bounded length, and no terminal obeys it.
 */
export function logLine(name: string): Log {
  return (level, message, facts = {}) => {
    const said = Object.entries(facts).map(([key, value]) => ` ${key}=${value}`);
    const text = escapeAndCut(`${message}${said.join('')}`, longestLine);
    process.stderr.write(`${new Date().toISOString()} ${level} ${name}: ${text}\n`);
  };
}
