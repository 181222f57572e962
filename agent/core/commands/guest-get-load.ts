/** guest-get-load: the load averages of getloadavg(3). */

import { JsonFloat } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { asCommandError } from '../system/call-errors.ts';

export const getLoad: Command = {
  takes: {},
  run({ platform }) {
    const text = asCommandError('failed to get load average', () => platform.files.readText('/proc/loadavg'));
    const [one, five, fifteen] = text.split(' ').map(Number) as [number, number, number];
    // Any other number would not be JSON.
    if (![one, five, fifteen].every(Number.isFinite))
      throw new CommandError('failed to get load average: /proc/loadavg is damaged');
    return { load1m: new JsonFloat(one), load5m: new JsonFloat(five), load15m: new JsonFloat(fifteen) };
  },
};
