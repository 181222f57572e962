/** TLS in front of a server that has none, as a cluster has it: certificates of its own, and client certificates if it asks for them. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Pair } from './certificates.ts';

export interface TlsProxy {
  address: string;
  /** Common names of the clients that have connected, in order; empty for one without a certificate. */
  clients: string[];
  /** Emits for each of them. */
  untilClient(name: string): Promise<void>;
  /** Ends all connections, as a restart of the server does; new ones are accepted. */
  cut(): void;
  close(): Promise<void>;
}

/** `clients`: the certificate of the authority whose clients are accepted; absent when no certificate is asked for. */
export async function startTlsProxy(target: string, server: Pair, clients?: string): Promise<TlsProxy> {
  const [host, port] = target.split(':') as [string, string];
  const sockets = new Set<Socket>();
  const seen: string[] = [];
  const waiting = new Set<() => void>();
  const proxy = createServer(
    {
      cert: await readFile(server.certificate),
      key: await readFile(server.key),
      ALPNProtocols: ['h2'],
      ...(clients !== undefined && { ca: await readFile(clients), requestCert: true, rejectUnauthorized: true }),
    },
    (socket) => {
      seen.push(String(socket.getPeerCertificate().subject?.CN ?? ''));
      waiting.forEach((look) => look());
      const upstream = connect(Number(port), host);
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy()).once('close', () => void (sockets.delete(one), other.destroy()));
      }
    },
  );
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    clients: seen,
    async untilClient(name) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => seen.includes(name) && resolve();
      waiting.add(look);
      look();
      await promise;
      waiting.delete(look);
    },
    cut,
    async close() {
      cut();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
