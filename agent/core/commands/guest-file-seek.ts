/** guest-file-seek: sets the position in the file. */

import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { handleOf, takesHandle } from './file-argument.ts';

const words = ['set', 'cur', 'end'];

export const fileSeek: Command = {
  takes: {
    ...takesHandle,
    offset: { type: 'integer' },
    whence: { type: 'alternate', name: 'GuestFileWhence', scalar: 'integer', words },
  },
  run({ platform, fileHandles }, args) {
    return fileHandles.use(handleOf(args), 'failed to seek file', (fd) => {
      const offset = BigInt(args.offset as number | bigint);
      const whence = typeof args.whence === 'string' ? words.indexOf(args.whence) : (args.whence as number | bigint);
      if (whence !== 0 && whence !== 1 && whence !== 2) throw new CommandError(`invalid whence code ${whence}`);
      const position = platform.files.seek(fd, offset, whence);
      // Above 2^53 a number is not exact; an offset from the start is.
      return { position: whence === 0 ? offset : BigInt(position), eof: false };
    });
  },
};
