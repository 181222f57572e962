/** guest-file-flush: the agent buffers nothing that could be flushed, so it only checks that the handle exists. */

import type { Command } from '../command.ts';
import { handleOf, takesHandle } from './file-argument.ts';

export const fileFlush: Command = {
  takes: takesHandle,
  run({ fileHandles }, args) {
    return fileHandles.use(handleOf(args), 'failed to flush file', () => ({}));
  },
};
