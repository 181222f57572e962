/** guest-file-flush: nothing is kept back that could be flushed, so it says only whether there is such a file. */

import type { Command } from '../command.ts';
import { handleOf, takesHandle } from './file-argument.ts';

export const fileFlush: Command = {
  takes: takesHandle,
  run({ fileHandles }, args) {
    return fileHandles.use(handleOf(args), 'failed to flush file', () => ({}));
  },
};
