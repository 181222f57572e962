/** A real Temporal server for one user: the dev server, which no other user reaches, with a database file or in memory. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { temporalPort } from '../../lib/defaults.ts';
import { exists } from '../../lib/durable.ts';
import { socketAddress } from '../../lib/own-port.ts';
import { StillframeError } from '../../model/errors.ts';
import { findTemporal } from './find.ts';
import type { SecludedMessage } from './secluded-server.ts';

export interface DevServer {
  /** `unix:` and the path of its socket. */
  address: string;
  pid: number;
  /** Of the process that carries the socket to the server. */
  carrier: number;
  /** Resolves when both processes have ended, however. */
  ended: Promise<void>;
  /** Ends it in order; what it had taken is in its database file. */
  stop(): Promise<void>;
}

export interface DevServerOptions {
  /** Path of the unix socket on which it is reached, in a directory that only this user writes to. The caller lets no other server have it. */
  socket: string;
  /** Kept across restarts; in memory when absent. */
  dbFile?: string;
}

/** Without it the one shard of a dev server polls its queue 20 times a second: 100 ms a hop instead of 15 ms, measured. */
const promptQueue = ['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'];

/** sun_path of unix(7) has 108 bytes, one of them for the end. */
const longestPath = 107;

/** Enough of its own words to act on them. */
const longestComplaint = 1_000;

/** It ends within a second when nothing hangs. */
const stopMs = 5_000;

const secludedEntry = fileURLToPath(new URL('secluded-server.ts', import.meta.url));

/**
 * Resolves when it takes connections. It has no authentication, and takes all its ports on loopback, which all users of a machine
 * share: so it runs in a network namespace, and the only way in is a socket with mode 0600.
 */
export async function startDevServer({ socket, dbFile }: DevServerOptions): Promise<DevServer> {
  if (Buffer.byteLength(socket) > longestPath) {
    throw new StillframeError(
      'input-invalid',
      `the path ${socket} has more than the ${longestPath} bytes of a socket's path: choose a --state with a shorter one`,
      { socket },
    );
  }
  const binary = await findTemporal();
  if (dbFile !== undefined) await keepDatabasePrivate(dbFile);
  const server = [binary, 'server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(temporalPort)];
  const options = ['--log-level', 'error', ...(dbFile === undefined ? [] : ['--db-filename', dbFile]), ...promptQueue];
  // A namespace is root's to make; any other user makes one in a user namespace (user_namespaces(7)).
  const namespace = process.getuid?.() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const secluded = [process.execPath, secludedEntry, socket, String(temporalPort), ...server, ...options];
  const child = spawn('unshare', [...namespace, '--', ...secluded], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Ctrl-C is for us alone: the workers end their windows while their server is still there.
    detached: true,
  });
  let complaint = '';
  child.stderr!.setEncoding('utf8').on('data', (piece: string) => (complaint = (complaint + piece).slice(0, longestComplaint)));
  let isSecluded = false;
  const { promise: ready, resolve, reject } = Promise.withResolvers<number>();
  child.on('message', (message: SecludedMessage) => {
    if (message.kind === 'ready') resolve(message.pid);
    else isSecluded = true;
  });
  child.once('error', (error) => reject(notSecluded(error.message)));
  // The first line is its own words; a stack trace follows when it panics.
  const words = () => complaint.trim().split('\n')[0] ?? '';
  child.once('close', () => reject(isSecluded ? endedEarly(words()) : notSecluded(words())));
  const ended = once(child, 'exit').then(() => {});
  const pid = await ready;
  return {
    address: socketAddress(socket),
    pid,
    carrier: child.pid!,
    ended,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** It holds histories. Its other files get its mode (SQLite, unixModeBit), and a new one that of our umask. */
async function keepDatabasePrivate(path: string): Promise<void> {
  for (const each of [path, `${path}-wal`, `${path}-shm`]) if (await exists(each)) await chmod(each, 0o600);
}

function endedEarly(words: string): StillframeError {
  return new StillframeError('temporal-unreachable', `the Temporal server ended before it was ready: ${words}`, {});
}

function notSecluded(words: string): StillframeError {
  return new StillframeError(
    'temporal-unreachable',
    `the Temporal server is not started, since other users of this machine could use it: it needs a network namespace, and none can be made (${words}). Allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns), run as root, or set TEMPORAL_ADDRESS to a server of yours`,
    {},
  );
}
