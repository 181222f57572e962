/** Reads one exported disk into a raw image, with qemu-img. */

import { spawn } from 'node:child_process';
import { StillframeError } from '../model/errors.ts';

/** Enough of what qemu-img complained of to act on it. */
const longestComplaint = 600;

/**
 * Runs `qemu-img convert` from `uri` to a new sparse file; `onFraction` gets 0 to 1 as it goes.
 * qemu-img dies with this process (prctl(2), PR_SET_PDEATHSIG): an orphan would go on writing into a session that is gone.
 * @throws copy-failed
 */
export async function convertDisk(
  uri: string,
  path: string,
  options: { signal: AbortSignal; onFraction: (fraction: number) => void },
): Promise<void> {
  const convert = ['qemu-img', 'convert', '-p', '-f', 'raw', '-O', 'raw', uri, path];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...convert], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: options.signal,
    killSignal: 'SIGKILL',
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (complaint = (complaint + piece).slice(0, longestComplaint)));
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    const percent = [...piece.matchAll(/\((\d+\.\d+)\/100%\)/g)].at(-1)?.[1];
    if (percent !== undefined) options.onFraction(Number(percent) / 100);
  });
  const { promise, resolve } = Promise.withResolvers<string | null>();
  child.once('error', (error) => resolve(error.message));
  child.once('close', (code, killedBy) => resolve(code === 0 ? null : `it ended with ${killedBy ?? `status ${code}`}`));
  const failure = await promise;
  options.signal.throwIfAborted();
  if (failure !== null) {
    throw new StillframeError(
      'copy-failed',
      `qemu-img could not copy into ${path}: ${failure}${complaint === '' ? '' : ` and said: ${complaint.trim()}`}`,
      { path },
    );
  }
}
