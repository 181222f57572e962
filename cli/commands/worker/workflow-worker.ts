/** A command that runs a worker of workflows: it needs a server and nothing else. */

import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { becomeEntry } from '../../entry.ts';
import { addressFlag, addressOf } from '../../flags.ts';

export function workflowWorker(entry: 'control' | 'guardian', brief: string) {
  return command({
    docs: { brief, fullDescription: `${brief}. It waits for a Temporal server that is not there yet.` },
    parameters: { flags: { address: addressFlag } },
    async func(this: Context, flags: { address?: string }) {
      await becomeEntry(entry, ['--address', addressOf(this, flags.address)]);
    },
  });
}
