/** `stillframe up`: everything on one machine. */

import { temporalPort } from '../../lib/defaults.ts';
import { serverArgs, type ServerFlags } from '../../client/settings.ts';
import { command } from '../command.ts';
import type { Context } from '../context.ts';
import { becomeEntry } from '../entry.ts';
import { configFlag, configOf, securityFlags, stateFlag, stateOf } from '../flags.ts';

interface Flags extends Omit<ServerFlags, 'address'> {
  config?: string;
  state?: string;
  port?: number;
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
      port: {
        kind: 'parsed',
        parse: port,
        optional: true,
        placeholder: 'PORT',
        brief: `Port of the Temporal server [${temporalPort}]`,
      },
    },
  },
  async func(this: Context, flags: Flags) {
    const args = ['--config', configOf(this, flags.config), '--state', stateOf(this, flags.state), ...serverArgs(flags)];
    await becomeEntry('up', flags.port === undefined ? args : [...args, '--port', String(flags.port)]);
  },
});

function port(input: string): number {
  const value = Number(input);
  if (!/^\d+$/.test(input) || value < 1 || value > 65_535) throw new Error('expected a port between 1 and 65535');
  return value;
}
