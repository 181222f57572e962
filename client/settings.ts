/** The settings of a connection to the Temporal server: resolved here for every client and every worker. */

import type { ConnectionOptions } from '@temporalio/client';
import { defaults } from '../lib/defaults.ts';
import { messageOf, StillframeError } from '../model/errors.ts';

/** What a person may say by flags. Everything else comes from TEMPORAL_* variables and from the profile. */
export interface ServerFlags {
  address?: string | undefined;
  profile?: string | undefined;
}

export interface ServerSettings {
  /** Connection.connect() and NativeConnection.connect() take them alike. */
  connection: Pick<ConnectionOptions, 'tls' | 'metadata'> & { address: string; apiKey?: string };
  namespace: string;
  /** Whether a flag, a variable or the profile has the address; otherwise it is the default one. */
  isAddressNamed: boolean;
}

export type Environment = Readonly<Partial<Record<string, string>>>;

/** The flags as an entry of workers/ takes them. */
export const serverOptions = { address: { type: 'string' }, profile: { type: 'string' } } as const;

/** `flags` as arguments of an entry, which inherits the variables. */
export function serverArgs(flags: ServerFlags): string[] {
  const given = Object.keys(serverOptions) as (keyof typeof serverOptions)[];
  return given.flatMap((name) => (flags[name] === undefined ? [] : [`--${name}`, flags[name]]));
}

/** A flag wins over its variable, and a variable over the profile. @throws connection-invalid */
export async function resolveServer(flags: ServerFlags, env: Environment): Promise<ServerSettings> {
  // The SDK is loaded by what connects, and not by what only passes flags on.
  const { loadClientConnectConfig } = await import('@temporalio/envconfig');
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      ...(flags.profile !== undefined && { profile: flags.profile }),
      overrideEnvVars: withoutEmpty(env),
    });
    const address = flags.address ?? connectionOptions.address;
    return {
      connection: {
        address: address ?? defaults.address,
        ...(connectionOptions.tls !== undefined && { tls: connectionOptions.tls }),
        ...(connectionOptions.apiKey !== undefined && { apiKey: connectionOptions.apiKey }),
        ...(connectionOptions.metadata !== undefined && { metadata: connectionOptions.metadata }),
      },
      namespace: namespace ?? defaults.namespace,
      isAddressNamed: address !== undefined,
    };
  } catch (error) {
    throw new StillframeError(
      'connection-invalid',
      `the settings for the Temporal server cannot be used (${messageOf(error)}): correct the TEMPORAL_* variables or the profile`,
      {},
      error,
    );
  }
}

/** An empty variable counts as none, as everywhere. */
function withoutEmpty(env: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => !!entry[1]));
}
