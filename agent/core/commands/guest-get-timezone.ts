/** guest-get-timezone: the current zone, by TZ, else by /etc/localtime. A zone that cannot be read is UTC, as in the C library. */

import type { Command } from '../command.ts';
import type { Platform } from '../platform.ts';
import { localTimeByRule, type LocalTime } from '../system/posix-time-zone.ts';
import { orUndefined } from '../system/call-errors.ts';
import { localTimeByFile } from '../system/tzif.ts';

export const getTimezone: Command = {
  takes: {},
  run({ platform }) {
    const { abbreviation, offset } = localTime(platform) ?? utc;
    return { zone: abbreviation, offset };
  },
};

const utc: LocalTime = { abbreviation: 'UTC', offset: 0 };

function localTime(platform: Platform): LocalTime | undefined {
  const seconds = Number(platform.clock.realNs() / 1_000_000_000n);
  const byFile = (path: string) => {
    const content = orUndefined(() => platform.files.readBytes(path));
    return content && localTimeByFile(content, seconds);
  };
  const chosen = platform.process.environment.TZ?.replace(/^:/, '');
  if (chosen === undefined) return byFile('/etc/localtime');
  if (chosen === '') return utc;
  return byFile(chosen.startsWith('/') ? chosen : `/usr/share/zoneinfo/${chosen}`) ?? localTimeByRule(chosen, seconds);
}
