/** `stillframe up`: everything on one machine. */

import { serverArgs, type ServerFlags } from '../../client/settings.ts';
import { command } from '../command.ts';
import type { Context } from '../context.ts';
import { becomeEntry } from '../entry.ts';
import { configFlag, configOf, securityFlags, stateFlag, stateOf } from '../flags.ts';

interface Flags extends Omit<ServerFlags, 'address'> {
  config?: string;
  state?: string;
}

export const up = command({
  docs: {
    brief: 'Run everything on this machine: Temporal server, control, guardian, host',
    fullDescription:
      'Run everything on this machine: a Temporal server with its database in the state directory, the control worker, the\nguardian, and the worker of this host. When TEMPORAL_ADDRESS or the profile\nnames a server, that one is used instead. Ctrl-C ends it in order.',
  },
  parameters: {
    flags: {
      config: configFlag,
      state: stateFlag,
      ...securityFlags,
    },
  },
  async func(this: Context, flags: Flags) {
    const own = ['--config', configOf(this, flags.config), '--state', stateOf(this, flags.state)];
    await becomeEntry('up', [...own, ...serverArgs(flags)]);
  },
});
