/** guest-sync: echoes a number. */

import type { Command } from '../command.ts';

export const sync: Command = {
  takes: { id: { type: 'integer' } },
  run: (_agent, { id }) => id!,
};
