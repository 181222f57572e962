/** The command line as getopt_long(3) reads it: abbreviations, bundles, values joined or separate, positional arguments ignored. */

import { SettingsError } from './settings.ts';

export interface Option {
  short?: string;
  long: string;
  value: 'none' | 'required' | 'optional';
}

/** qemu-ga's options (11.1), and our additions, which have no short form. */
export const options = [
  { short: 'c', long: 'config', value: 'required' },
  { short: 'm', long: 'method', value: 'required' },
  { short: 'p', long: 'path', value: 'required' },
  { short: 'l', long: 'logfile', value: 'required' },
  { short: 'f', long: 'pidfile', value: 'required' },
  { short: 'F', long: 'fsfreeze-hook', value: 'optional' },
  { short: 't', long: 'statedir', value: 'required' },
  { short: 'v', long: 'verbose', value: 'none' },
  { short: 'V', long: 'version', value: 'none' },
  { short: 'd', long: 'daemonize', value: 'none' },
  { short: 'b', long: 'block-rpcs', value: 'required' },
  { short: 'a', long: 'allow-rpcs', value: 'required' },
  { short: 'D', long: 'dump-conf', value: 'none' },
  { short: 'r', long: 'retry-path', value: 'none' },
  { short: 'h', long: 'help', value: 'none' },
  { long: 'also', value: 'required' },
  { long: 'lease', value: 'required' },
  { long: 'freeze-only', value: 'none' },
] as const satisfies readonly Option[];

export type OptionName = (typeof options)[number]['long'];

export interface GivenOption {
  name: OptionName;
  /** Undefined where none was given. */
  value: string | undefined;
}

/** @throws SettingsError */
export function readOptions(args: readonly string[]): GivenOption[] {
  const given: GivenOption[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === '--') break;
    const take = () => args[++at];
    if (word.startsWith('--')) given.push(readLong(word, take));
    else if (word.startsWith('-') && word !== '-') given.push(...readShort(word, take));
  }
  return given;
}

function readLong(word: string, take: () => string | undefined): GivenOption {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const exact = options.filter((option) => option.long === name);
  const found = exact.length > 0 ? exact : options.filter((option) => option.long.startsWith(name));
  const option = found[0];
  if (!option) throw new SettingsError(`unrecognized option '--${name}'`);
  if (found.length > 1)
    throw new SettingsError(
      `option '--${name}' is ambiguous; possibilities: ${found.map((each) => `'--${each.long}'`).join(' ')}`,
    );
  if (equals >= 0 && option.value === 'none') throw new SettingsError(`option '--${option.long}' doesn't allow an argument`);
  if (equals >= 0) return { name: option.long, value: word.slice(equals + 1) };
  if (option.value !== 'required') return { name: option.long, value: undefined };
  const value = take();
  if (value === undefined) throw new SettingsError(`option '--${option.long}' requires an argument`);
  return { name: option.long, value };
}

function readShort(word: string, take: () => string | undefined): GivenOption[] {
  const given: GivenOption[] = [];
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const option = options.find((each) => 'short' in each && each.short === letter);
    if (!option) throw new SettingsError(`invalid option -- '${letter}'`);
    const glued = at + 1 < word.length ? word.slice(at + 1) : undefined;
    if (option.value === 'none') {
      given.push({ name: option.long, value: undefined });
      continue;
    }
    const value = glued ?? (option.value === 'required' ? take() : undefined);
    if (value === undefined && option.value === 'required') throw new SettingsError(`option requires an argument -- '${letter}'`);
    return [...given, { name: option.long, value }];
  }
  return given;
}
