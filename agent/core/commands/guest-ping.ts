/** guest-ping: an empty reply. qemu-ga writes a line to syslog for each; hosts that ping every few seconds fill it. */

import type { Command } from '../command.ts';

export const ping: Command = {
  takes: {},
  run: () => ({}),
};
