/**
 * The server as a worker has it: connected as soon as it is there, and connected again when certificates or the API key have changed.
 * The workers continue on the new connection without an end of any activity (Worker.connection of the SDK).
 */

import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { findFault } from '../../client/fault.ts';
import { resolveServer, serverOptions, type ServerFlags, type ServerSettings } from '../../client/settings.ts';
import { readJson } from '../../lib/durable.ts';
import type { Log } from '../../lib/log.ts';
import { messageOf } from '../../model/errors.ts';
import type { UpRecord } from '../up.ts';
import { tryForever } from './temporal.ts';

/** Where a worker's server is: by its settings, or where the record of `up` says once the server that `up` started stands there. */
export const workerOptions = { ...serverOptions, up: { type: 'string' } } as const;

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
export async function connectWhenReady(
  { up, ...flags }: ServerFlags & { up?: string | undefined },
  log: Log,
  signal: AbortSignal,
): Promise<Server> {
  const resolve = async () => resolveServer(up === undefined ? flags : { ...flags, address: await addressIn(up) }, process.env);
  const failing =
    up === undefined ? `no Temporal server at ${(await resolve()).connection.address} yet` : 'no Temporal server yet';
  const attempt = async () => {
    const settings = await resolve();
    return followed(settings, await connect(settings.connection), resolve, log);
  };
  return tryForever(attempt, failing, log, signal);
}

/** The SDK's own error is "transport error", whichever setting is wrong. */
async function connect(settings: ServerSettings['connection']): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(settings);
  } catch (error) {
    const { about, found, wayOut } = await findFault(settings);
    throw about === 'server' ? error : new Error(`${found}: ${wayOut}`, { cause: error });
  }
}

/** Whatever else listens at the address is not joined. */
async function addressIn(upRecord: string): Promise<string> {
  const record = (await readJson(upRecord)) as UpRecord | undefined;
  if (record?.pids['temporal'] === undefined) throw new Error(`${upRecord} names none`);
  return record.address;
}

function followed(
  { connection: first, namespace, dataConverter }: ServerSettings,
  connection: NativeConnection,
  resolve: () => Promise<ServerSettings>,
  log: Log,
): Server {
  const present = { settings: first, connection };
  const closing = new AbortController();
  let following = Promise.resolve();

  async function follow(workers: readonly Worker[]): Promise<void> {
    let said = '';
    while (await pause(closing.signal)) {
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
    const next = await connect(settings);
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
