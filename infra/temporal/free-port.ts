/** A TCP port of the loopback on which no process listens, and which the kernel gives to no process that does not name it. */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that the kernel hands to outgoing connections (ip_local_port_range, ip(7): 32768 and up). While a killed server
 * is away, a client that retries could else be given that very port, connect to itself, and keep the server from coming back.
 */
const lowest = 15_000;
const beyond = 32_000;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, beyond);
    const server = createServer().listen(port, '127.0.0.1');
    // Rejects when the port is taken.
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
