/** guest-get-time: nanoseconds since 1970, to the microsecond. */

import type { Command } from '../command.ts';

export const getTime: Command = {
  takes: {},
  run: ({ platform }) => (platform.clock.realNs() / 1000n) * 1000n,
};
