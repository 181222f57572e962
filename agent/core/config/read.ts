/** Turns arguments and config file into settings, or into the one thing that was requested instead of running. */

import { ENOENT } from '../errno.ts';
import { SystemError, type Platform } from '../platform.ts';
import { applyKeyFile } from './key-file.ts';
import { readOptions, type GivenOption } from './options.ts';
import {
  applyValue,
  defaultConfigFile,
  defaultHook,
  defaultPaths,
  defaultSettings,
  isMethod,
  SettingsError,
  type Settings,
} from './settings.ts';

export type Wanted = { kind: 'run' | 'dump'; settings: Settings } | { kind: 'help' | 'version' | 'list-commands' };

/** @throws SettingsError */
export function readSettings({ process, files }: Platform): Wanted {
  const given = readOptions(process.args);
  const settings = defaultSettings();
  const named = given.findLast((option) => option.name === 'config')?.value;
  const path = named ?? process.environment.QGA_CONF ?? defaultConfigFile;
  try {
    applyKeyFile(files.readText(path), settings, path);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (named !== undefined || error.errno !== ENOENT) throw new SettingsError(`config file ${path}: ${error.message}`);
  }
  for (const option of given) {
    const instead = apply(option, settings);
    if (instead) return instead;
  }
  if (settings.path === undefined && isMethod(settings.method)) settings.path = defaultPaths[settings.method];
  if (settings.path === undefined && isMethod(settings.method))
    throw new SettingsError(`method ${settings.method} needs a path: give it with --path`);
  return { kind: given.some((option) => option.name === 'dump-conf') ? 'dump' : 'run', settings };
}

function apply({ name, value = '' }: GivenOption, settings: Settings): Wanted | undefined {
  if (name === 'block-rpcs' && (value === 'help' || value === '?')) return { kind: 'list-commands' };
  if (name === 'help' || name === 'version') return { kind: name };
  if (applyValue(settings, name, value, `--${name}`)) return undefined;
  if (name === 'fsfreeze-hook') settings.hook = value === '' ? defaultHook : value;
  else if (name === 'verbose') settings.verbose = true;
  else if (name === 'daemonize') settings.daemonize = true;
  else if (name === 'retry-path') settings.retryPath = true;
  else if (name === 'freeze-only') settings.freezeOnly = true;
  else if (name === 'also') settings.also.push(value);
  return undefined;
}
