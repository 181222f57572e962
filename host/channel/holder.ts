/** Who has a socket of QEMU's: it serves one client at a time, and others wait unseen in its backlog. */

import { readFile } from 'node:fs/promises';

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
