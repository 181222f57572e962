/** Flags and arguments that several commands share, each with its environment variable. */

import { resolveServer, type ServerFlags, type ServerSettings } from '../client/settings.ts';
import { defaults } from '../lib/defaults.ts';
import { durationForm, parseDuration } from '../model/units.ts';
import type { Context } from './context.ts';

const text = (input: string) => input;

const addressFlag = {
  kind: 'parsed',
  parse: text,
  optional: true,
  placeholder: 'HOST:PORT',
  brief: 'Temporal server [TEMPORAL_ADDRESS, else that of "stillframe up"]',
} as const;

const profileFlag = {
  kind: 'parsed',
  parse: text,
  optional: true,
  placeholder: 'NAME',
  brief: 'Profile in the file of Temporal settings [TEMPORAL_PROFILE, else "default"]',
} as const;

const plaintextFlag = {
  kind: 'boolean',
  optional: true,
  withNegated: false,
  brief: 'Use a server on another machine without TLS [STILLFRAME_INSECURE_PLAINTEXT]',
} as const;

const payloadKeysFlag = {
  kind: 'parsed',
  parse: text,
  optional: true,
  placeholder: 'FILE',
  brief: 'Keys that encrypt what the server keeps [STILLFRAME_PAYLOAD_KEYS, else in clear]',
} as const;

/** What "up" shares with the commands that reach a server: its own has an address of its own. */
export const securityFlags = {
  profile: profileFlag,
  'insecure-plaintext': plaintextFlag,
  'payload-keys': payloadKeysFlag,
} as const;

/** Of every command that reaches the server. */
export const serverFlags = { address: addressFlag, ...securityFlags } as const;

export const configFlag = {
  kind: 'parsed',
  parse: text,
  optional: true,
  placeholder: 'FILE',
  brief: `The host's file [STILLFRAME_CONFIG, else ${defaults.config}]`,
} as const;

export const stateFlag = {
  kind: 'parsed',
  parse: text,
  optional: true,
  placeholder: 'DIR',
  brief: `The host's state directory [STILLFRAME_STATE, else ${defaults.stateDir}]`,
} as const;

export const jsonFlag = { kind: 'boolean', default: false, withNegated: false, brief: 'Print JSON for programs' } as const;

export const leaseFlag = {
  kind: 'parsed',
  parse: duration,
  optional: true,
  placeholder: 'TIME',
  brief: "Longest time the guest may stay frozen, such as 10s [the host's own]",
} as const;

export const repositoryFlag = {
  kind: 'parsed',
  parse: text,
  optional: true,
  placeholder: 'NAME',
  brief: "Repository by its name in the host's file [the only one]",
} as const;

export function argument(placeholder: string, brief: string) {
  return { kind: 'tuple', parameters: [{ parse: text, placeholder, brief }] } as const;
}
export const guestArgument = argument('GUEST', 'Name or id of a guest');
export const backupArgument = argument('BACKUP', 'Id of a backup');
export const pointArgument = argument('POINT', 'Id of a restore point');

/** A flag wins over its variable; an empty variable counts as none. */
export function configOf(context: Context, flag: string | undefined): string {
  return flag ?? (context.process.env['STILLFRAME_CONFIG'] || defaults.config);
}

export function stateOf(context: Context, flag: string | undefined): string {
  return flag ?? (context.process.env['STILLFRAME_STATE'] || defaults.stateDir);
}

/** The server that a command talks to. */
export function serverOf(context: Context, flags: ServerFlags): Promise<ServerSettings> {
  return resolveServer(flags, context.process.env);
}

function duration(input: string): number {
  const ms = parseDuration(input);
  if (ms === undefined || ms < 1) throw new Error(`expected ${durationForm}`);
  return ms;
}
