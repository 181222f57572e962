/** Starts the processes of workers/, by path: this room knows their arguments and nothing else of them. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Context } from './context.ts';

export type Entry = 'control' | 'doctor' | 'guardian' | 'thaw-local' | 'up' | 'warden';

/** This process becomes the worker: no second one beside it, and signals and exit status are its own. */
export async function becomeEntry(entry: Entry, args: readonly string[]): Promise<void> {
  const url = urlOf(entry);
  process.argv = [process.execPath, fileURLToPath(url), ...args];
  await import(url.href);
}

/** Runs an entry that answers in JSON lines and hands over each as it comes; resolves with its exit status. */
export async function askEntry(
  context: Context,
  entry: Entry,
  args: readonly string[],
  onLine: (value: unknown) => void,
): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(urlOf(entry)), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: context.process.env,
  });
  const ended = once(child, 'close');
  createInterface({ input: child.stderr }).on('line', (line) => context.process.stderr.write(`${line}\n`));
  createInterface({ input: child.stdout }).on('line', (line) => onLine(JSON.parse(line)));
  const [status] = (await ended) as [number | null];
  return status ?? 1;
}

function urlOf(entry: Entry): URL {
  return new URL(`../workers/${entry}.ts`, import.meta.url);
}
