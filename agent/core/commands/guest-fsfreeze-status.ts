/** guest-fsfreeze-status: `thawed` only when nothing of ours is frozen, nor can become so by a freeze that is still in the kernel. */

import type { Command } from '../command.ts';

export const fsfreezeStatus: Command = {
  takes: {},
  run: ({ freeze }) => (freeze?.state() === 'thawed' ? 'thawed' : 'frozen'),
};
