/** Reads one exported disk into a raw image, with qemu-img. */

import { ProgramError, run } from '../lib/run.ts';
import { StillframeError } from '../model/errors.ts';

/** Enough of what qemu-img complained of to act on it. */
const longestComplaint = 600;

/**
 * Runs `qemu-img convert` from `uri` to a new sparse file; `onFraction` gets 0 to 1 as it goes.
 * qemu-img dies with this process: an orphan would continue to write into a session that is gone.
 * @throws copy-failed, the signal's reason
 */
export async function convertDisk(
  uri: string,
  path: string,
  { signal, onFraction }: { signal: AbortSignal; onFraction: (fraction: number) => void },
): Promise<void> {
  const onStdout = (piece: string) => {
    const percent = [...piece.matchAll(/\((\d+\.\d+)\/100%\)/g)].at(-1)?.[1];
    if (percent !== undefined) onFraction(Number(percent) / 100);
  };
  try {
    await run(['qemu-img', 'convert', '-p', '-f', 'raw', '-O', 'raw', uri, path], {
      signal,
      onStdout,
      stderrLimit: longestComplaint,
      diesWithParent: true,
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ProgramError)) throw error;
    throw new StillframeError('copy-failed', `qemu-img could not copy into ${path}: ${error.reason}`, { path }, error);
  }
}
