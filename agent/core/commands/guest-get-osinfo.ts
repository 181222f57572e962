/** guest-get-osinfo: what uname(2) and os-release(5) report; missing values are left out. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';
import type { Platform } from '../platform.ts';
import { parseOsRelease } from '../system/os-release.ts';
import { orUndefined } from '../system/call-errors.ts';

export const getOsinfo: Command = {
  takes: {},
  run({ platform }) {
    const { release, version, machine } = platform.kernel.system();
    const info: JsonObject = { 'kernel-release': release, 'kernel-version': version, machine };
    const values = parseOsRelease(readOsRelease(platform) ?? '');
    for (const [key, name] of keys) {
      const value = values.get(name);
      if (value !== undefined) info[key] = value;
    }
    return info;
  },
};

const keys = [
  ['id', 'ID'],
  ['name', 'NAME'],
  ['pretty-name', 'PRETTY_NAME'],
  ['version', 'VERSION'],
  ['version-id', 'VERSION_ID'],
  ['variant', 'VARIANT'],
  ['variant-id', 'VARIANT_ID'],
] as const;

function readOsRelease({ files, process }: Platform): string | undefined {
  const chosen = process.environment.QGA_OS_RELEASE;
  if (chosen !== undefined) return orUndefined(() => files.readText(chosen));
  return orUndefined(() => files.readText('/etc/os-release')) ?? orUndefined(() => files.readText('/usr/lib/os-release'));
}
