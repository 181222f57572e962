/** The Temporal server as a client sees it: connected within seconds, or an error that says how to start one. */

import type { Client, Connection } from '@temporalio/client';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { errnoOf } from '../lib/errno.ts';
import { escapeError } from '../lib/escape.ts';
import { socketPathOf, tcpAddress } from '../lib/own-port.ts';
import { StillframeError } from '../model/errors.ts';
import { findFault, type Fault } from './fault.ts';
import type { ServerSettings } from './settings.ts';

export interface Temporal {
  client: Client;
  connection: Connection;
  address: string;
}

/** A server on the same network answers in milliseconds; a person waits no longer than this. */
const connectMs = 3_000;

/** gRPC status codes (google.rpc.Code). */
export const grpc = {
  cancelled: 1,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Runs `work` on a connection of its own. @throws temporal-unreachable, also when the server goes away during the work; temporal-denied */
export async function withTemporal<T>(settings: ServerSettings, work: (temporal: Temporal) => Promise<T>): Promise<T> {
  const temporal = await connectClient(settings);
  try {
    return await work(temporal);
  } catch (error) {
    if (grpcCode(error) === grpc.unavailable) throw unreachable(temporal.address, 'went away');
    if (refusal(error) !== undefined) throw forbidden(temporal.address);
    throw error;
  } finally {
    await temporal.connection.close();
  }
}

/** A connection that the caller closes. @throws temporal-unreachable, temporal-denied */
export async function connectClient({ connection: options, namespace, dataConverter }: ServerSettings): Promise<Temporal> {
  const { Client, Connection } = await import('@temporalio/client');
  const { address } = options;
  const socket = socketPathOf(address);
  if (socket !== undefined) await demandSocket(socket, address);
  const connection = await Connection.connect({
    ...options,
    address: await tcpAddress(address),
    connectTimeout: connectMs,
  }).catch(async (error: unknown) => {
    const why = refusal(error);
    if (why !== undefined) throw denied(address, why);
    throw faulty(await findFault(options), address);
  });
  return { client: new Client({ connection, namespace, dataConverter }), connection, address };
}

/** @throws temporal-unreachable when there is no socket, temporal-denied when it is another user's */
async function demandSocket(path: string, address: string): Promise<void> {
  const errno = await access(path, constants.W_OK).then(() => null, errnoOf);
  if (errno === 'ENOENT' || errno === 'ENOTDIR') throw unreachable(address, 'does not run');
  if (errno !== 'EACCES') return;
  throw new StillframeError(
    'temporal-denied',
    `the Temporal server at ${address} is another user's: run this as the user that runs "stillframe up", or name your own server with --address or TEMPORAL_ADDRESS`,
    { address },
  );
}

/** The gRPC status in an error or its causes; undefined when there is none. */
export function grpcCode(error: unknown): number | undefined {
  return grpcError(error)?.code;
}

/** What the server says when it does not accept a key or a certificate; undefined when the error is another. */
export function refusal(error: unknown): string | undefined {
  const found = grpcError(error);
  return found?.code === grpc.unauthenticated || found?.code === grpc.permissionDenied ? found.message : undefined;
}

function grpcError(error: unknown): { code: number; message: string } | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && 'metadata' in cause && typeof cause.code === 'number')
      return { code: cause.code, message: cause.message };
  }
  return undefined;
}

/** `fault` says which setting is wrong: a program finds it as the fact `about`. */
function faulty({ about, found, wayOut }: Fault, address: string): StillframeError {
  if (about === 'address') return unreachable(address, `did not answer within ${connectMs / 1_000} s`);
  return new StillframeError('temporal-unreachable', `${found}: ${wayOut}`, { address, about });
}

function forbidden(address: string): StillframeError {
  return new StillframeError(
    'temporal-denied',
    `the Temporal server at ${address} does not allow this to your certificate or key: use a profile that has the right (--profile)`,
    { address },
  );
}

function denied(address: string, why: string): StillframeError {
  return new StillframeError(
    'temporal-denied',
    `the Temporal server at ${address} does not let this client in (${escapeError(why)}): set TEMPORAL_API_KEY, or api_key in the profile, to a key of yours that it knows`,
    { address },
  );
}

/** The SDK's own error adds nothing that a person can act on, so it is not the cause. */
function unreachable(address: string, what: string): StillframeError {
  return new StillframeError(
    'temporal-unreachable',
    `the Temporal server at ${address} ${what}: start one with "stillframe up", or name yours with --address or TEMPORAL_ADDRESS`,
    { address },
  );
}
