/** The Temporal server as a client sees it: connected within seconds, or an error that says how to start one. */

import type { Client, Connection } from '@temporalio/client';
import { StillframeError } from '../model/errors.ts';

/** The address of the server, and the namespace that Stillframe uses on it. */
export interface ServerSettings {
  address: string;
  namespace: string;
}

export interface Temporal {
  client: Client;
  connection: Connection;
  address: string;
}

/** A server on the same network answers in milliseconds; a person waits no longer than this. */
const connectMs = 3_000;

/** gRPC status codes (google.rpc.Code). */
export const grpc = { cancelled: 1, deadlineExceeded: 4, notFound: 5, failedPrecondition: 9, unavailable: 14 } as const;

/** Runs `work` on a connection of its own. @throws temporal-unreachable, also when the server goes away during the work */
export async function withTemporal<T>(
  { address, namespace }: ServerSettings,
  work: (temporal: Temporal) => Promise<T>,
): Promise<T> {
  const { Client, Connection } = await import('@temporalio/client');
  const connection = await connect(() => Connection.connect({ address, connectTimeout: connectMs }), address);
  try {
    return await work({ client: new Client({ connection, namespace }), connection, address });
  } catch (error) {
    if (grpcCode(error) === grpc.unavailable) throw unreachable(address, 'went away');
    throw error;
  } finally {
    await connection.close();
  }
}

/** The gRPC status in an error or its causes; undefined when there is none. */
export function grpcCode(error: unknown): number | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && 'metadata' in cause && typeof cause.code === 'number') return cause.code;
  }
  return undefined;
}

async function connect(attempt: () => Promise<Connection>, address: string): Promise<Connection> {
  try {
    return await attempt();
  } catch {
    throw unreachable(address, `did not answer within ${connectMs / 1_000} s`);
  }
}

/** The SDK's own error adds nothing that a person can act on, so it is not the cause. */
function unreachable(address: string, what: string): StillframeError {
  return new StillframeError(
    'temporal-unreachable',
    `the Temporal server at ${address} ${what}: start one with "stillframe up", or name yours with --address or TEMPORAL_ADDRESS`,
    { address },
  );
}
