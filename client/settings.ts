/** The settings of a connection to the Temporal server: resolved here for every client and every worker. */

import type { ConnectionOptions } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import { defaults, serverSocket, temporalPort } from '../lib/defaults.ts';
import { socketAddress, socketPathOf } from '../lib/own-port.ts';
import { demandOwn } from '../lib/strict-modes.ts';
import { isStillframeError, messageOf, StillframeError } from '../model/errors.ts';
import { encryptedBy, inClear } from './encryption/encrypted-by.ts';
import { checkCertificates } from './certificates.ts';

/** What a person may say by flags. Everything else comes from variables and from the profile. */
export interface ServerFlags {
  address?: string | undefined;
  profile?: string | undefined;
  'insecure-plaintext'?: boolean | undefined;
  'payload-keys'?: string | undefined;
}

/** And the state directory of this host, in which `up` has the socket of its server. */
export type HostFlags = ServerFlags & { state?: string | undefined };

export interface ServerSettings {
  /** Connection.connect() and NativeConnection.connect() take them alike. */
  connection: Pick<ConnectionOptions, 'tls' | 'metadata'> & { address: string; apiKey?: string };
  namespace: string;
  /** Client and Worker take it alike. */
  dataConverter: DataConverter;
  /** Whether a flag, a variable or the profile has the address; otherwise it is that of `up`. */
  isAddressNamed: boolean;
}

export type Environment = Readonly<Partial<Record<string, string>>>;

/** The flags as an entry of workers/ takes them. */
export const serverOptions = {
  address: { type: 'string' },
  profile: { type: 'string' },
  'insecure-plaintext': { type: 'boolean' },
  'payload-keys': { type: 'string' },
} as const;

/** `flags` as arguments of an entry, which inherits the variables. */
export function serverArgs(flags: ServerFlags): string[] {
  return (Object.keys(serverOptions) as (keyof ServerFlags)[]).flatMap((name) => {
    const value = flags[name];
    if (value === undefined || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}`, value];
  });
}

/** A flag wins over its variable, and a variable over the profile. @throws connection-invalid */
export async function resolveServer(flags: HostFlags, env: Environment): Promise<ServerSettings> {
  const { connection, namespace, isAddressNamed } = await readSettings(flags, withoutEmpty(env));
  const mayBePlaintext = flags['insecure-plaintext'] || !!env['STILLFRAME_INSECURE_PLAINTEXT'];
  if (!usesTls(connection) && !isLocal(connection.address) && !mayBePlaintext) throw plaintext(connection.address);
  const keys = flags['payload-keys'] ?? (env['STILLFRAME_PAYLOAD_KEYS'] || undefined);
  const dataConverter = keys === undefined ? inClear : await encryptedBy(keys);
  return { connection, namespace, dataConverter, isAddressNamed };
}

/** The rule of the SDK: an API key implies TLS unless TLS is turned off. */
export function usesTls({ tls, apiKey }: ServerSettings['connection']): boolean {
  return tls === undefined || tls === null ? apiKey !== undefined : tls !== false;
}

/** Host and port as the SDK reads them: `[::1]:7233` is an IPv6 address. */
export function hostAndPort(address: string): { host: string; port: number } {
  const [, ipv6, name, port] = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(address) ?? [];
  return { host: ipv6 ?? name ?? address, port: Number(port ?? temporalPort) };
}

async function readSettings(flags: HostFlags, env: Record<string, string>): Promise<Omit<ServerSettings, 'dataConverter'>> {
  // The SDK is loaded by what connects, and not by what only passes flags on.
  const { loadClientConfigProfile, toClientOptions } = await import('@temporalio/envconfig');
  const { TEMPORAL_CONFIG_FILE: file } = env;
  try {
    if (file !== undefined) await demandOwn(file);
    const profile = loadClientConfigProfile({
      ...(flags.profile !== undefined && { profile: flags.profile }),
      // The SDK takes a file that is not there for an empty one.
      ...(file !== undefined && { configSource: { data: readFileSync(file, 'utf8') } }),
      configFileStrict: true,
      overrideEnvVars: env,
    });
    await checkCertificates(profile.tls);
    const { connectionOptions, namespace } = toClientOptions(profile);
    const { tls, apiKey, metadata } = connectionOptions;
    const named = flags.address ?? connectionOptions.address;
    const address = named ?? usualAddress(flags.state ?? env['STILLFRAME_STATE'] ?? defaults.stateDir);
    const rest = { namespace: namespace ?? defaults.namespace, isAddressNamed: named !== undefined };
    // The file system guards a socket; what else is set is for a server on the network.
    if (socketPathOf(address) !== undefined) return { connection: { address }, ...rest };
    return {
      connection: {
        address,
        ...(tls !== undefined && { tls }),
        ...(typeof apiKey === 'string' && { apiKey }),
        ...(metadata !== undefined && { metadata }),
      },
      ...rest,
    };
  } catch (error) {
    if (isStillframeError(error)) throw error;
    throw new StillframeError(
      'connection-invalid',
      `the settings for the Temporal server cannot be used (${messageOf(error)}): correct the TEMPORAL_* variables or the profile`,
      {},
      error,
    );
  }
}

/** The server of this user's `up`, whether or not it runs: a port would be that of any local user who opened it first. */
function usualAddress(stateDir: string): string {
  return socketAddress(resolve(stateDir, serverSocket));
}

/** An empty variable counts as none, as everywhere. */
function withoutEmpty(env: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => !!entry[1]));
}

/** Nothing that is sent there leaves this machine. */
function isLocal(address: string): boolean {
  if (socketPathOf(address) !== undefined) return true;
  const { host } = hostAndPort(address);
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function plaintext(address: string): StillframeError {
  return new StillframeError(
    'connection-invalid',
    `${address} is not on this machine, and the settings have no TLS, so every machine on the way could read and change what is sent: set TEMPORAL_TLS=true (or tls in the profile), or ask for it by name with --insecure-plaintext or STILLFRAME_INSECURE_PLAINTEXT=1`,
    { address },
  );
}
