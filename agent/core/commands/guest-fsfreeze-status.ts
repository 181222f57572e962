/** guest-fsfreeze-status: `thawed` only when the agent holds no freeze and none that is still in the kernel can take effect. */

import type { Command } from '../command.ts';

export const fsfreezeStatus: Command = {
  takes: {},
  run: ({ freeze }) => (freeze?.state() === 'thawed' ? 'thawed' : 'frozen'),
};
