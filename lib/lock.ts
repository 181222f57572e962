/** One process at a time: a lock that the kernel gives back however its holder ends. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { isAlive, nameOfThisProcess, type ProcessName } from './process.ts';

/** Of flock(1), when another process has the lock; its other failures have other statuses. */
const conflict = 75;

/** Null when this process holds the lock from now to its end; else its holder, as far as the file says. */
export async function takeLock(path: string): Promise<{ holder: ProcessName | null } | null> {
  // A process that can open the file can lock it (flock(2)): only its user may.
  await (await open(path, 'a', 0o600)).close();
  // Node has no flock(2). The child keeps the lock, and ends when its standard input does, which is when this process does.
  const args = ['--nonblock', '--conflict-exit-code', String(conflict), '--no-fork', path, 'cat'];
  // Detached: Ctrl-C is for this process alone, which still holds the lock while it ends what it started.
  const child = spawn('flock', args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (complaint += piece));
  child.stdin.on('error', () => {}).write('locked\n');
  const refused = once(child, 'close') as Promise<[number | null]>;
  const status = await Promise.race([once(child.stdout, 'data').then(() => 'locked' as const), refused.then(([code]) => code)]);
  if (status === conflict) return { holder: await holderOf(path) };
  if (status !== 'locked') throw new Error(`flock ${path} failed: ${complaint.trim()}`);
  await writeFile(path, JSON.stringify(nameOfThisProcess()));
  return null;
}

/** The file may still name an earlier holder for a moment. */
async function holderOf(path: string): Promise<ProcessName | null> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as ProcessName;
    return isAlive(holder) === false ? null : holder;
  } catch {
    return null;
  }
}
