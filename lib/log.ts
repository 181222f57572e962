/** Log lines of a process: time, who, what, facts; one line each on standard error. */

/** What a message was built from; plain and small. */
type Facts = Readonly<Record<string, string | number | boolean | null>>;

/** How code reports what it does, wherever the process sends it. */
export type Log = (level: 'info' | 'warn' | 'error', message: string, facts?: Facts) => void;

/** A log of the process `name`, without a library: some of these processes must stay small. */
export function logLine(name: string): Log {
  return (level, message, facts = {}) => {
    const said = Object.entries(facts).map(([key, value]) => ` ${key}=${value}`);
    process.stderr.write(`${new Date().toISOString()} ${level} ${name}: ${message}${said.join('')}\n`);
  };
}
