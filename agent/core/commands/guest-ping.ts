/** guest-ping: nothing but an answer. qemu-ga writes a line to syslog for each; those who watch guests every few seconds fill it. */

import type { Command } from '../command.ts';

export const ping: Command = {
  takes: {},
  run: () => ({}),
};
