/** Who has a socket of QEMU's: it serves one client at a time, and others wait unseen in its backlog. */

import { readFile } from 'node:fs/promises';
import { escapeAndCut } from '../../lib/escape.ts';
import { run } from '../../lib/run.ts';

/** The clients of a socket at one moment. Taken before we connect, it shows later whether we are being served. */
export interface Clients {
  /** Inodes of the connections that are served. */
  served: string[];
  /** How many wait. */
  waiting: number;
}

/**
 * In /proc/net/unix (proc(5)) every connection that was made to a path shows at its server's end: state 03 once it is accepted,
 * with an inode of its own, and 02 while it waits.
 */
export async function clientsOf(path: string): Promise<Clients> {
  const connections = (await readFile('/proc/net/unix', 'utf8'))
    .split('\n')
    .map((line) => /^\S+ \S+ \S+ \S+ \S+ (\S+) +(\d+) (.*)$/.exec(line))
    .filter((match) => match?.[3] === path)
    .map((match) => ({ state: match![1], inode: match![2]! }));
  return {
    served: connections.filter(({ state }) => state === '03').map(({ inode }) => inode),
    waiting: connections.filter(({ state }) => state === '02').length,
  };
}

/** Whether somebody else is being served while we wait; asked before our own connection goes. Clients are accepted in order. */
export async function isHeldByAnother(path: string, before: Clients): Promise<boolean> {
  const now = await clientsOf(path);
  const stillServed = now.served.some((inode) => before.served.includes(inode));
  const someWereFirst = before.served.length + before.waiting > 0;
  return now.served.length > 0 && (stillServed || (someWereFirst && now.waiting > 0));
}

/**
 * The process at the other end of the connection that is served, by pid and command. Only sock_diag(7) pairs the two ends of a
 * connection, and ss(8) asks it; /proc shows the descriptors of other users' processes to root alone. "unknown" where neither helps.
 */
export async function nameHolder(path: string): Promise<string> {
  try {
    const { served } = await clientsOf(path);
    const sockets = (await run(['ss', '-xpH'], { signal: AbortSignal.timeout(listMs) }))
      .split('\n')
      .map((line) => socketLine.exec(line));
    const peers = sockets.filter((socket) => served.includes(socket?.[1] ?? '')).map((socket) => socket![2]);
    const pids = sockets
      .filter((socket) => socket && peers.includes(socket[1]))
      .map((socket) => /pid=(\d+)/.exec(socket![3] ?? '')?.[1]);
    const [pid] = pids.filter((each) => each !== undefined);
    if (pid === undefined) return unknown;
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ').trim();
    return `process ${pid}, ${escapeAndCut(command, longestCommand)}`;
  } catch {
    return unknown;
  }
}

const unknown = 'an unknown process; as root, "ss -xp" names it';
/** Inode, inode of the peer, and who has it: `u_str ESTAB 0 0 /run/db.sock 143 * 142 users:(("python3",pid=77,fd=3))`. */
const socketLine = /\s(\d+) +\S+ +(\d+)(?: +users:\((.*)\))? *$/;
/** It goes through the descriptors of all processes of the host. */
const listMs = 2_000;
/** Enough to know a program by. */
const longestCommand = 200;
