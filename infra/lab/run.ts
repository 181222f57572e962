/** Runs a tool to its end, and holds a lock that other processes of this machine respect. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs `command` without a shell and returns what it printed.
 * @throws Error with the tool's own words when it fails or cannot be started.
 */
export async function run(command: string, args: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${signal ?? `exit ${code}`}: ${complaint.trim()}`);
  return output;
}

/**
 * Runs `body` while this process alone holds the lock of `path`, which is created.
 * flock(1) holds it as long as its stdin is open, so the lock ends with this process however that ends.
 */
export async function withLock<Result>(path: string, body: () => Promise<Result>): Promise<Result> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'close');
  try {
    await Promise.race([once(holder.stdout, 'data'), ended.then(() => Promise.reject(new Error(`flock ${path} ended before it held the lock`)))]);
    return await body();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
