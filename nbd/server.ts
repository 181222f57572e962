/** Serves one area by NBD to several clients, over a unix socket or a port of this machine. */

import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { messageOf, StillframeError } from '../model/errors.ts';
import { answerRequests } from './answer.ts';
import type { NbdArea } from './area.ts';
import { greet } from './greet.ts';
import { createPeer } from './peer.ts';

export interface NbdServerOptions {
  /** A unix socket that only this user may connect to, or a port on 127.0.0.1 (0: any), which every user of this machine may. */
  at: { path: string } | { port: number };
  /** Of the export. */
  name: string;
  area: NbdArea;
  /** When it fires, the server closes. */
  signal?: AbortSignal;
}

export interface NbdServer {
  /** Null on a unix socket. */
  readonly port: number | null;
  /** Ends all connections; what their clients wait for is not answered. Resolves when no request works on the area any more. */
  close(): Promise<void>;
}

/** qemu-img and nbdcopy open up to 4; QEMU's own servers allow 100 and more, of other users' memory. */
const mostClients = 16;

/** A client that connects and agrees on nothing must not keep its place; on one machine the handshake takes milliseconds. */
const handshakeMs = 30_000;

/** @throws nbd-address-unusable */
export async function serveNbd({ at, name, area, signal }: NbdServerOptions): Promise<NbdServer> {
  signal?.throwIfAborted();
  const sockets = new Map<Socket, Promise<void>>();
  const server = createServer((socket) => {
    const ended = serveClient(socket, name, area).finally(() => sockets.delete(socket));
    sockets.set(socket, ended);
  });
  server.maxConnections = mostClients;
  // No descriptor was left to accept with: that client loses, and those who are connected continue.
  server.on('error', () => {});
  const place = 'path' in at ? at.path : `port ${at.port}`;
  try {
    server.listen('path' in at ? { path: at.path } : { port: at.port, host: '127.0.0.1' });
    await once(server, 'listening');
    // Connecting to a socket needs the right to write to it (unix(7)).
    if ('path' in at) await chmod(at.path, 0o600);
  } catch (error) {
    server.close();
    throw new StillframeError(
      'nbd-address-unusable',
      `cannot serve by NBD at ${place}: ${messageOf(error)}; end what listens there, or choose another place`,
      { place },
      error,
    );
  }
  const close = async () => {
    signal?.removeEventListener('abort', stop);
    const closed = server.listening ? once(server, 'close') : undefined;
    server.close();
    for (const socket of sockets.keys()) socket.destroy();
    await Promise.all(sockets.values());
    await closed;
  };
  const stop = () => void close();
  signal?.addEventListener('abort', stop, { once: true });
  return { port: 'path' in at ? null : (server.address() as AddressInfo).port, close };
}

/** Never fails: a client that goes or breaks the protocol loses its connection, and nobody else notices. */
async function serveClient(socket: Socket, name: string, area: NbdArea): Promise<void> {
  socket.setNoDelay(true);
  const peer = createPeer(socket);
  const late = setTimeout(() => socket.destroy(), handshakeMs);
  try {
    const agreed = await greet(peer, name, area);
    clearTimeout(late);
    if (agreed !== null) await answerRequests(peer, area, agreed);
    peer.end();
  } catch {
    peer.destroy();
  } finally {
    clearTimeout(late);
  }
}
