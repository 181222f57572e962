/** The settings of an agent at its start: defaults, then the config file, then the command line. */

import type { ChannelMethod } from '../platform.ts';

export interface Settings {
  daemonize: boolean;
  method: string;
  /** Undefined: the method's default, where there is one. */
  path: string | undefined;
  /** Further virtio-serial ports that are served with the same state; the agent waits for one that does not exist yet. */
  also: string[];
  logFile: string | undefined;
  pidFile: string;
  /** A program, or a directory of them; undefined runs none. */
  hook: string | undefined;
  stateDirectory: string;
  verbose: boolean;
  retryPath: boolean;
  blocked: string[];
  allowed: string[];
  /** Only what freezes, thaws and reports about it: no programs, no files, no clock, no shutdown, whatever the lists say. */
  freezeOnly: boolean;
  /** Seconds until a freeze by a client that names no lease is undone; 0 never undoes it. */
  leaseSeconds: number;
}

export function defaultSettings(): Settings {
  return {
    daemonize: false,
    method: 'virtio-serial',
    path: undefined,
    also: [],
    logFile: undefined,
    pidFile: '/var/run/qemu-ga.pid',
    hook: undefined,
    stateDirectory: '/var/run',
    verbose: false,
    retryPath: false,
    blocked: [],
    allowed: [],
    freezeOnly: false,
    leaseSeconds: defaultLeaseSeconds,
  };
}

export const defaultHook = '/etc/qemu/fsfreeze-hook';
export const defaultConfigFile = '/etc/qemu/qemu-ga.conf';

/** No snapshot takes longer; KubeVirt's own safety net thaws after five minutes, and databases give up much earlier. */
const defaultLeaseSeconds = 60;

/** Where the method's channel is when no path is given. */
export const defaultPaths: Record<ChannelMethod, string | undefined> = {
  'virtio-serial': '/dev/virtio-ports/org.qemu.guest_agent.0',
  'isa-serial': '/dev/ttyS0',
  'unix-listen': undefined,
  'vsock-listen': undefined,
};

export function isMethod(method: string): method is ChannelMethod {
  return Object.hasOwn(defaultPaths, method);
}

/** The text is wrong; the message names the word and the correct form. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** A whole number of seconds. @throws SettingsError naming `what` */
function parseSeconds(text: string, what: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(seconds))
    throw new SettingsError(`${what} '${text}' is not a whole number of seconds (0 turns the lease off)`);
  return seconds;
}

export function splitList(text: string): string[] {
  return text === '' ? [] : text.split(',');
}

/** Applies a setting that option and config file share; false for any other. The message names `where`. @throws SettingsError */
export function applyValue(settings: Settings, name: string, value: string, where: string): boolean {
  switch (name) {
    case 'method':
      settings.method = value;
      return true;
    case 'path':
      settings.path = value;
      return true;
    case 'logfile':
      settings.logFile = value;
      return true;
    case 'pidfile':
      settings.pidFile = value;
      return true;
    case 'statedir':
      settings.stateDirectory = value;
      return true;
    case 'block-rpcs':
      settings.blocked.push(...splitList(value).toReversed());
      return true;
    case 'allow-rpcs':
      settings.allowed.push(...splitList(value).toReversed());
      return true;
    case 'lease':
      settings.leaseSeconds = parseSeconds(value, where);
      return true;
    default:
      return false;
  }
}
