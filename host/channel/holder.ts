/** Who has a socket of QEMU's: it serves one client at a time, and others wait unseen in its backlog. */

import { readFile } from 'node:fs/promises';

/**
 * Whether somebody else is being served on the socket at `path` while we are waiting. In /proc/net/unix (proc(5)) every
 * connection that was made to a path shows at its server's end: state 03 once it is accepted, 02 while it waits.
 */
export async function isHeldByAnother(path: string): Promise<boolean> {
  const states = (await readFile('/proc/net/unix', 'utf8'))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[7] === path)
    .map((fields) => fields[5]);
  return states.includes('02') && states.includes('03');
}
