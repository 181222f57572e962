/** A command that runs a worker of workflows: it needs a server and nothing else. */

import { serverArgs, type ServerFlags } from '../../../client/settings.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { becomeEntry } from '../../entry.ts';
import { serverFlags } from '../../flags.ts';

export function workflowWorker(entry: 'control' | 'guardian', brief: string) {
  return command({
    docs: { brief, fullDescription: `${brief}. It waits for a Temporal server that is not there yet.` },
    parameters: { flags: serverFlags },
    async func(this: Context, flags: ServerFlags) {
      await becomeEntry(entry, serverArgs(flags));
    },
  });
}
