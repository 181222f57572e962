/** An operator at a site: runs the command line as a child process and tells what it printed. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Site } from '../../demo/site.ts';

const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  child: ChildProcess;
  done: Promise<Run>;
}

export async function startCommand(site: Site, args: string[]): Promise<RunningCommand> {
  const env = await site.environment();
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const run: Run = { status: null, stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (piece: string) => {
      run[stream] += piece;
    });
  }
  const done = once(child, 'close').then(([status]: unknown[]) => ({ ...run, status: status as number | null }));
  return { child, done };
}

export async function command(site: Site, ...args: string[]): Promise<Run> {
  return (await startCommand(site, args)).done;
}
