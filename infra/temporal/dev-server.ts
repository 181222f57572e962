/** A real Temporal server for one machine: the dev server, on loopback, with a database file or in memory. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
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
  const [own, metrics] = await Promise.all([port ?? freePort(), freePort()]);
  if (await isOpen(own)) {
    throw new StillframeError(
      'temporal-unreachable',
      `port ${own} on this machine is taken: if a Temporal server listens there, set TEMPORAL_ADDRESS=127.0.0.1:${own} to use it; otherwise choose another --port`,
      { port: own },
    );
  }
  const binary = await findTemporal();
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
  await Promise.race([listens(child.pid!, own), failed]);
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

/** The server is ready when it listens; an open port alone does not show it, since another process may have taken the port. */
async function listens(pid: number, port: number): Promise<void> {
  while (!(await holdsListener(pid, port))) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** /proc/PID/net/tcp has the sockets of its network, /proc/PID/fd those of the process, both by inode (proc(5)). */
async function holdsListener(pid: number, port: number): Promise<boolean> {
  const listening = '0A';
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  try {
    const rows = (await readFile(`/proc/${pid}/net/tcp`, 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
    const inode = rows.find((fields) => fields[1] === address && fields[3] === listening)?.[9];
    if (inode === undefined) return false;
    const fds = await readdir(`/proc/${pid}/fd`);
    const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    return links.includes(`socket:[${inode}]`);
  } catch {
    // It has just ended, which is reported elsewhere.
    return false;
  }
}

async function isOpen(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  const open = await promise;
  socket.destroy();
  return open;
}
