/** Runs a snapshot command of the host's file inside a held window. */

import { ProgramError, run } from '../../lib/run.ts';
import { StillframeError } from '../../model/errors.ts';
import type { WindowKey } from '../../model/window/window.ts';

/** A reference is a name (`tank/vm@2026-11-24`), not a report: it goes into histories and manifests. */
const longestReference = 256;
/** Enough of what the command complained of to act on it. */
const longestComplaint = 400;

/** Of Debian's services (systemd.exec(5), Environment). */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Runs `argv` with the window's names and nothing else of the worker in its environment; what it prints first is the reference of the snapshot.
 * It gets SIGKILL when `signal` fires, or when this process ends: then the window is over, and a snapshot taken later would not be of a
 * frozen guest.
 * @throws snapshot-failed
 */
export async function runSnapshotCommand(
  name: string,
  argv: string[],
  key: WindowKey,
  signal: AbortSignal,
): Promise<{ reference: string }> {
  const { PATH = defaultPath, LANG = 'C.UTF-8' } = process.env;
  const env = { PATH, LANG, STILLFRAME_GUEST: key.guest, STILLFRAME_BACKUP: key.backup };
  let output = '';
  const onStdout = (piece: string) => (output = (output + piece).slice(0, longestReference));
  try {
    await run(argv, { env, signal, onStdout, stderrLimit: longestComplaint, diesWithParent: true });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    const why = error.aborted ? 'the window ended before it did' : error.reason;
    throw new StillframeError('snapshot-failed', `snapshot ${name} failed: ${why}`, { snapshot: name }, error);
  }
  return { reference: output.trim().split('\n')[0] ?? '' };
}
