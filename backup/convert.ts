/** Reads one exported disk into a raw image, with qemu-img. */

import { ProgramError, run } from '../lib/run.ts';
import { StillframeError } from '../model/errors.ts';

/** Enough of what qemu-img complained of to act on it. */
const longestComplaint = 600;

/** `socket` and `image` are descriptors of this process. */
export interface Conversion {
  disk: string;
  socket: number;
  image: number;
}

/**
 * Runs `qemu-img convert` from the export of `disk` to an empty file, which becomes sparse; `onFraction` gets 0 to 1 as it goes.
 * qemu-img dies with this process: an orphan would continue to write into a session that is gone.
 * @throws copy-failed
 */
export async function convertDisk({ disk, socket, image }: Conversion, onFraction: (fraction: number) => void): Promise<void> {
  const onStdout = (piece: string) => {
    const percent = [...piece.matchAll(/\((\d+\.\d+)\/100%\)/g)].at(-1)?.[1];
    if (percent !== undefined) onFraction(Number(percent) / 100);
  };
  const [from, to] = [`nbd+unix:///${disk}?socket=/proc/self/fd/3`, '/proc/self/fd/4'];
  try {
    await run(['qemu-img', 'convert', '-p', '-f', 'raw', '-O', 'raw', from, to], {
      onStdout,
      stderrLimit: longestComplaint,
      diesWithParent: true,
      descriptors: [socket, image],
    });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new StillframeError('copy-failed', `qemu-img could not copy ${disk}: ${error.reason}`, { disk }, error);
  }
}
