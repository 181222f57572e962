/** A real Temporal server for one machine: the dev server, on loopback, with a database file or in memory. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { StillframeError } from '../../model/errors.ts';
import { findTemporal } from './find.ts';
import { freePort } from './free-port.ts';

export interface DevServer {
  address: string;
  pid: number;
  /** Resolves when the process has ended, however. */
  ended: Promise<void>;
  /** Ends it in order; what it had taken is in its database file. */
  stop(): Promise<void>;
}

export interface DevServerOptions {
  /** Kept across restarts; in memory when absent. */
  dbFile?: string;
  /** A free one when absent. */
  port?: number;
}

/** Without it the one shard of a dev server polls its queue 20 times a second: 100 ms a hop instead of 15 ms, measured. */
const promptQueue = ['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'];

/** It ends within a second when nothing hangs. */
const stopMs = 5_000;

/** Resolves when it takes connections. */
export async function startDevServer({ dbFile, port }: DevServerOptions = {}): Promise<DevServer> {
  const binary = await findTemporal();
  const [own, metrics] = await Promise.all([port ?? freePort(), freePort()]);
  if (await isOpen(own)) {
    throw new StillframeError(
      'temporal-unreachable',
      `port ${own} on this machine is taken: if a Temporal server listens there, set TEMPORAL_ADDRESS=127.0.0.1:${own} to use it; otherwise choose another --port`,
      { port: own },
    );
  }
  const args = [
    'server',
    'start-dev',
    '--headless',
    '--ip',
    '127.0.0.1',
    '--port',
    String(own),
    '--metrics-port',
    String(metrics),
    '--log-level',
    'error',
  ];
  const file = dbFile === undefined ? [] : ['--db-filename', dbFile];
  // It must not outlive us, however we end (prctl(2), PR_SET_PDEATHSIG).
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', binary, ...args, ...file, ...promptQueue], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Ctrl-C is for us alone: the workers end their windows while their server is still there.
    detached: true,
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (complaint = (complaint + piece).slice(-1000)));
  const ended = once(child, 'exit').then(() => {});
  const failed = ended.then(() => {
    throw new Error(`the Temporal dev server ended at once: ${complaint.trim()}`);
  });
  failed.catch(() => {});
  await Promise.race([accepts(own), failed]);
  return {
    address: `127.0.0.1:${own}`,
    pid: child.pid!,
    ended,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The port takes connections when the server is ready; nothing else tells. */
async function accepts(port: number): Promise<void> {
  while (!(await isOpen(port))) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function isOpen(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  const open = await promise;
  socket.destroy();
  return open;
}
