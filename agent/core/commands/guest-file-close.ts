/** guest-file-close: releases a handle, also when closing fails: the descriptor is gone either way (close(2)). */

import type { Command } from '../command.ts';
import { handleOf, takesHandle } from './file-argument.ts';

export const fileClose: Command = {
  takes: takesHandle,
  run({ platform, log, fileHandles }, args) {
    const handle = handleOf(args);
    log.audit(`guest-file-close called, handle: ${handle}`);
    return fileHandles.use(handle, 'failed to close handle', (fd) => {
      fileHandles.remove(handle);
      platform.files.close(fd);
      return {};
    });
  },
};
