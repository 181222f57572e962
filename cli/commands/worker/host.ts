/** `stillframe worker host`: the warden, and under it the worker that serves this host's guests. */

import { serverArgs, type ServerFlags } from '../../../client/settings.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { becomeEntry } from '../../entry.ts';
import { serverFlags, configFlag, configOf, stateFlag, stateOf } from '../../flags.ts';

export const workerHost = command({
  docs: {
    brief: "Serve this host's guests (the warden, and under it the host worker)",
    fullDescription:
      "Serve this host's guests. The process is the warden: it thaws from the journal when the host worker under it cannot.\nIt waits for a Temporal server that is not there yet.",
  },
  parameters: { flags: { config: configFlag, state: stateFlag, ...serverFlags } },
  async func(this: Context, flags: ServerFlags & { config?: string; state?: string }) {
    const config = ['--config', configOf(this, flags.config), '--state', stateOf(this, flags.state)];
    await becomeEntry('warden', [...config, ...serverArgs(flags)]);
  },
});
