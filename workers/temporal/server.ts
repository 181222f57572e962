/**
 * The server as a worker has it: connected as soon as it is there, and connected again when certificates or the API key have changed.
 * The workers continue on the new connection without an end of any activity (Worker.connection of the SDK).
 */

import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { connectClient } from '../../client/connection.ts';
import { expiryOf, findFault } from '../../client/fault.ts';
import { resolveServer, type HostFlags, type ServerSettings } from '../../client/settings.ts';
import type { Log } from '../../lib/log.ts';
import { tcpAddress } from '../../lib/own-port.ts';
import { isStillframeError, messageOf } from '../../model/errors.ts';
import { RefusedError, tryForever } from './temporal.ts';

export interface Server {
  /** Goes through the present connection, whichever that is. */
  client: Client;
  /** For the workers of this process. */
  options(): { connection: NativeConnection; namespace: string; dataConverter: DataConverter };
  /** From now on changed settings are looked for, and these workers move to each new connection. */
  serve(workers: readonly Worker[]): void;
  close(): Promise<void>;
}

/** Certificates are replaced hours before the old ones end; the files are a few kilobytes. Temporal's own server looks every 10 s. */
const lookMs = 5_000;

/** Waits for a server for as long as it takes: a worker that is started first is not an error. @throws connection-invalid */
export async function connectWhenReady(flags: HostFlags, log: Log, signal: AbortSignal): Promise<Server> {
  const resolve = () => resolveServer(flags, process.env);
  const failing = `no Temporal server at ${(await resolve()).connection.address} yet`;
  const attempt = async () => {
    const settings = await resolve();
    return followed(settings, await connect(settings), resolve, log);
  };
  return tryForever(attempt, failing, log, signal);
}

/** The SDK's own error is "transport error", whichever setting is wrong. @throws RefusedError, Error that names the setting */
async function connect({ connection: settings, ...others }: ServerSettings): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect({ ...settings, address: await tcpAddress(settings.address) });
  } catch (error) {
    const { about, found, wayOut } = await findFault(settings);
    if (about !== 'server') throw new Error(`${found}: ${wayOut}`, { cause: error });
    // It has the text of a gRPC error and no status: a client of its own gets that.
    const denied = await connectClient({ connection: settings, ...others }).then(
      ({ connection }) => connection.close(),
      (reason: unknown) => reason,
    );
    throw isStillframeError(denied, 'temporal-denied') ? new RefusedError(denied.message, { cause: error }) : error;
  }
}

function followed(begun: ServerSettings, connection: NativeConnection, resolve: () => Promise<ServerSettings>, log: Log): Server {
  const { connection: first, namespace, dataConverter } = begun;
  const present = { settings: first, connection };
  const closing = new AbortController();
  let following = Promise.resolve();

  async function follow(workers: readonly Worker[]): Promise<void> {
    let said = '';
    let warned = '';
    while (await pause(closing.signal)) {
      const expiry = expiryOf(present.settings);
      // Once for each certificate.
      if (expiry?.isNear && expiry.found !== warned) {
        log('warn', `${expiry.found}: renew it`);
        warned = expiry.found;
      }
      try {
        // Another server, or another namespace, is for another worker: only what proves who we are is followed.
        const settings = { ...(await resolve()).connection, address: first.address };
        if (!isDeepStrictEqual(settings, present.settings)) await reconnect(settings, workers);
        said = '';
      } catch (error) {
        const text = `the changed settings of the Temporal server cannot be used yet, and the former connection stays: ${messageOf(error)}`;
        if (text !== said) log('warn', text);
        said = text;
      }
    }
  }

  async function reconnect(settings: ServerSettings['connection'], workers: readonly Worker[]): Promise<void> {
    const former = present.connection;
    const next = await connect({ ...begun, connection: settings });
    for (const worker of workers) if (worker.getState() !== 'STOPPED') worker.connection = next;
    Object.assign(present, { settings, connection: next });
    await former.close();
    log('info', 'connected to the Temporal server again, with changed certificates or API key');
  }

  return {
    client: new Client({ connection: through(() => present.connection), namespace, dataConverter }),
    options: () => ({ connection: present.connection, namespace, dataConverter }),
    serve: (workers) => void (following = follow(workers)),
    async close() {
      closing.abort();
      await following;
      await present.connection.close();
    },
  };
}

/** Every use of it reaches the connection that is present then. */
function through(present: () => NativeConnection): NativeConnection {
  return new Proxy({} as NativeConnection, {
    get(_, name) {
      const connection = present();
      const value: unknown = Reflect.get(connection, name);
      return typeof value === 'function' ? value.bind(connection) : value;
    },
  });
}

/** False when it ends before its time. */
async function pause(signal: AbortSignal): Promise<boolean> {
  return delay(lookMs, true, { signal }).catch(() => false);
}
