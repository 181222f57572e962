/** One process of the cluster: its output in a log file, ready when its port takes connections, ended in order. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { connect } from 'node:net';

/** No event reports that another process listens. */
const lookMs = 50;

export interface Service {
  /** Ends it in order, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** @param stopBy the signal for an orderly end. @throws Error, naming the log, when it ends before it listens on `port` */
export async function startService(
  [program = '', ...args]: string[],
  { port, log, stopBy = 'SIGTERM' }: { port: number; log: string; stopBy?: NodeJS.Signals },
): Promise<Service> {
  // Ctrl-C is for us alone.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const lines = createWriteStream(log, { mode: 0o600 });
  child.stdout.pipe(lines, { end: false });
  child.stderr.pipe(lines, { end: false });
  child.once('close', () => lines.end());
  while (!(await isOpen(port))) {
    if (hasEnded(child)) throw new Error(`${program} ended before it was ready: see ${log}`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return {
    async stop() {
      if (hasEnded(child)) return;
      child.kill(stopBy);
      await once(child, 'exit');
    },
  };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
