/** `stillframe worker host|control|guardian`: the processes of a fleet, one at a time. */

import { buildRouteMap } from '@stricli/core';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { becomeEntry, type Entry } from '../../entry.ts';
import { addressFlag, addressOf, configFlag, configOf, stateFlag, stateOf } from '../../flags.ts';

const host = command({
  docs: {
    brief: "Serve this host's guests (the warden, and under it the host worker)",
    fullDescription:
      "Serve this host's guests. The process is the warden: it thaws from the journal when the host worker under it cannot.\nIt waits for a Temporal server that is not there yet.",
  },
  parameters: { flags: { config: configFlag, state: stateFlag, address: addressFlag } },
  async func(this: Context, flags: { config?: string; state?: string; address?: string }) {
    const config = ['--config', configOf(this, flags.config), '--state', stateOf(this, flags.state)];
    await becomeEntry('warden', [...config, '--address', addressOf(this, flags.address)]);
  },
});

const control = worker('control', 'Run the workflows, but for the guardian');
const guardian = worker('guardian', 'Look after held windows, apart from everything else');

function worker(entry: Entry, brief: string) {
  return command({
    docs: { brief, fullDescription: `${brief}. It waits for a Temporal server that is not there yet.` },
    parameters: { flags: { address: addressFlag } },
    async func(this: Context, flags: { address?: string }) {
      await becomeEntry(entry, ['--address', addressOf(this, flags.address)]);
    },
  });
}

export const workerRoutes = buildRouteMap<string, Context>({
  routes: { host, control, guardian },
  docs: { brief: 'Run one worker' },
});
