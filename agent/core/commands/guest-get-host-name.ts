/** guest-get-host-name: gethostname(2)'s answer, not a full domain name. */

import type { Command } from '../command.ts';
import { asCommandError } from '../system/call-errors.ts';

export const getHostName: Command = {
  takes: {},
  run: ({ platform }) => ({
    'host-name': asCommandError('failed to get hostname', () => platform.files.readText('/proc/sys/kernel/hostname')).trimEnd(),
  }),
};
