/** The warden's control socket: a process that may open it (0600) can demand the thaw of all our windows. */

import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { StillframeError } from '../../model/errors.ts';
import type { PursuedObligation } from '../../model/window/window.ts';

const socketPath = (stateDir: string) => join(stateDir, 'warden.sock');

/** Answers every connection with the outcome of `thaw`, and ends it. @throws input-invalid when a warden serves this directory already */
export async function serveThaw(stateDir: string, thaw: () => Promise<PursuedObligation[]>): Promise<Server> {
  const path = socketPath(stateDir);
  if (await isServed(path)) {
    throw new StillframeError(
      'input-invalid',
      `another host worker already runs with the state directory ${stateDir}: end it first, or give this one its own --state`,
      { stateDir },
    );
  }
  await rm(path, { force: true });
  const server = createServer((client) => {
    client.on('error', () => client.destroy());
    thaw().then(
      (obligations) => client.end(JSON.stringify(obligations)),
      () => client.destroy(),
    );
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(path, resolve);
  await promise;
  await chmod(path, 0o600);
  return server;
}

/** Asks the warden to thaw; null when nobody answers, so that the caller acts itself. */
export async function askWarden(stateDir: string): Promise<PursuedObligation[] | null> {
  const socket = createConnection(socketPath(stateDir));
  socket.setTimeout(answerMs, () => socket.destroy(new Error('no answer')));
  try {
    return JSON.parse(await text(socket)) as PursuedObligation[];
  } catch {
    return null;
  }
}

/** A warden that waits for a worker and then for a guest needs a few seconds; beyond this it hangs. */
const answerMs = 20_000;

async function isServed(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createConnection(path, () => resolve(true)).once('error', () => resolve(false));
  const served = await promise;
  probe.destroy();
  return served;
}
