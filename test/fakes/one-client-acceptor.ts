/**
 * A process that listens as QEMU does: while a client is served it accepts no other, so the next one waits in the backlog. Node's own
 * servers accept at once, which is why this is a process that can stand still. It hands each client to its parent and waits
 * for one byte before it accepts again; at the end of its parent it ends.
 */

import { readSync } from 'node:fs';
import { createServer } from 'node:net';

/** Pipe from the parent. */
const gate = 3;
/** As QEMU's sockets and qemu-ga's own have it. */
const backlog = 1;

const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => {
  process.send!('client', client, () => {
    if (readSync(gate, Buffer.alloc(1)) === 0) process.exit();
  });
});
process.once('disconnect', () => process.exit());
server.listen({ path: process.argv[2]!, backlog }, () => process.send!('listening'));
