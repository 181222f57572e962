/** Asks for an API key in front of a server that has none, as a cluster with an authorizer does: TLS, and a gRPC status for each call. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createSecureServer, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Pair } from './certificates.ts';

export interface KeyProxy {
  address: string;
  /** Calls without one of these keys get `status`. */
  keys: Set<string>;
  /** The gRPC status of a refusal: 16, who are you, or 7, not for you. */
  status: 16 | 7;
  /** Knows no key from now on, and ends the calls that stand: a long poll may take a minute. */
  revoke(): void;
  /** Resolves when that many more calls were refused. */
  refused(times: number): Promise<void>;
  /** Resolves at the next call of this name that is passed on. */
  accepted(call: string): Promise<void>;
  close(): Promise<void>;
}

export async function startKeyProxy(target: string, server: Pair): Promise<KeyProxy> {
  const upstream = connect(`http://${target}`);
  const sessions = new Set<Http2Session>();
  const lookers = new Set<() => void>();
  const passed = new Set<(path: string) => void>();
  let refusals = 0;
  const proxy = createSecureServer({ cert: await readFile(server.certificate), key: await readFile(server.key) });
  proxy.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session)).on('error', () => {});
  });
  const self: KeyProxy = {
    address: '',
    keys: new Set(),
    status: 16,
    revoke() {
      self.keys.clear();
      for (const session of sessions) session.destroy();
    },
    async refused(times) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const enough = refusals + times;
      const look = () => refusals >= enough && resolve();
      lookers.add(look);
      await promise;
      lookers.delete(look);
    },
    async accepted(call) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = (path: string) => path.endsWith(`/${call}`) && resolve();
      passed.add(look);
      await promise;
      passed.delete(look);
    },
    async close() {
      for (const session of [...sessions, upstream]) session.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
  proxy.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if (self.keys.has(String(headers.authorization).replace(/^Bearer /, ''))) return forward(stream, headers);
    refusals += 1;
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': String(self.status),
        'grpc-message': self.status === 16 ? 'unknown key' : 'Request unauthorized.',
      },
      { endStream: true },
    );
    lookers.forEach((look) => look());
  });

  function forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    passed.forEach((look) => look(String(headers[':path'])));
    const call = upstream.request({ ...headers, ':authority': target });
    call.on('response', ({ ':status': status, ...answer }) => {
      stream.respond({ ...answer, ':status': status }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    });
    let trailers: IncomingHttpHeaders = {};
    call.on('trailers', (last) => (trailers = last));
    call.on('error', () => stream.close());
    stream.on('close', () => call.close());
    stream.pipe(call).pipe(stream);
  }

  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  self.address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return self;
}
