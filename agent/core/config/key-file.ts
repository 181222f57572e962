/** The config file: INI as GLib reads it, group [general]. */

import { applyValue, SettingsError, splitList, type Settings } from './settings.ts';

/** Applies `text` to `settings`; unknown keys and groups are ignored, lists grow. @throws SettingsError naming the line */
export function applyKeyFile(text: string, settings: Settings, path: string): void {
  for (const [key, value] of readGeneral(text, path)) {
    const where = `${path}: ${key}`;
    if (applyValue(settings, key, value, where)) continue;
    if (key === 'daemon') settings.daemonize = readBoolean(value, where);
    else if (key === 'verbose') settings.verbose = readBoolean(value, where);
    else if (key === 'retry-path') settings.retryPath = readBoolean(value, where);
    else if (key === 'fsfreeze-hook') settings.hook = value;
    else if (key === 'freeze-only') settings.freezeOnly = readBoolean(value, where);
    else if (key === 'also') settings.also.push(...splitList(value));
  }
}

function readGeneral(text: string, path: string): [string, string][] {
  const pairs: [string, string][] = [];
  let group: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[([^[\]]+)\]$/.exec(line);
    if (header) {
      group = header[1];
      continue;
    }
    const equals = line.indexOf('=');
    if (equals <= 0 || group === undefined)
      throw new SettingsError(`${path}, line ${index + 1}: '${line}' is neither a group, a key with its value, nor a comment`);
    if (group === 'general') pairs.push([line.slice(0, equals).trim(), unescape(line.slice(equals + 1).trim())]);
  }
  return pairs;
}

const escapes: Record<string, string> = { s: ' ', n: '\n', t: '\t', r: '\r', '\\': '\\' };

function unescape(value: string): string {
  return value.replaceAll(/\\(.)/g, (whole, letter: string) => escapes[letter] ?? whole);
}

function readBoolean(value: string, where: string): boolean {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new SettingsError(`${where}: '${value}' is neither true nor false`);
}
