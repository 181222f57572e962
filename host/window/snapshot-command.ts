/** Runs a snapshot command of the host's file inside a held window. */

import { spawn } from 'node:child_process';
import { StillframeError } from '../../model/errors.ts';
import type { WindowKey } from '../../model/window/window.ts';

/** A reference is a name (`tank/vm@2026-11-24`), not a report: it goes into histories and manifests. */
const longestReference = 256;
/** Enough of what the command complained of to act on it. */
const longestComplaint = 400;

/**
 * Runs `argv` with the window's names in its environment; what it prints first is the reference of the snapshot.
 * It gets SIGKILL when `signal` fires: by then the window is over, and a snapshot taken later would not be of a frozen guest.
 * @throws snapshot-failed
 */
export async function runSnapshotCommand(
  name: string,
  argv: string[],
  key: WindowKey,
  signal: AbortSignal,
): Promise<{ reference: string }> {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, STILLFRAME_GUEST: key.guest, STILLFRAME_BACKUP: key.backup },
    signal,
    killSignal: 'SIGKILL',
  });
  const output = collect(child.stdout, longestReference);
  const complaint = collect(child.stderr, longestComplaint);
  const failure = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(signal.aborted ? 'the window ended before it did' : error.message));
    child.once('close', (code, killedBy) => resolve(code === 0 ? null : `it ended with ${killedBy ?? `status ${code}`}`));
  });
  if (failure === null) return { reference: output().trim().split('\n')[0] ?? '' };
  const said = complaint().trim();
  throw new StillframeError('snapshot-failed', `snapshot ${name} failed: ${failure}${said === '' ? '' : ` and said: ${said}`}`, {
    snapshot: name,
  });
}

function collect(stream: NodeJS.ReadableStream, limit: number): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (piece: string) => (text = (text + piece).slice(0, limit)));
  return () => text;
}
