/** Gives a copy up that does not move: heartbeats show that the worker lives, and say nothing of the process that copies. */

import { monotonicMs } from '../lib/clock.ts';
import { ticksOfTree } from '../lib/movement.ts';
import { StillframeError } from '../model/errors.ts';

/** A copy that works gains processor time many times a second; on a host that is overloaded its low priority may cost it some of these. */
const stillMs = 15_000;
const lookMs = 1_000;

/** Calls `giveUp` once when the process and all that it started have done nothing for a while, until the returned function is called. */
export function watchMovement(pid: number, giveUp: (error: StillframeError) => void): () => void {
  let ticks = ticksOfTree(pid);
  let movedMs = monotonicMs();
  const timer = setInterval(() => {
    const now = ticksOfTree(pid);
    if (now !== ticks) {
      ticks = now;
      movedMs = monotonicMs();
    } else if (monotonicMs() - movedMs > stillMs) {
      clearInterval(timer);
      giveUp(
        new StillframeError(
          'copy-failed',
          `the process of the copy (${pid}) has done nothing for ${stillMs / 1_000} s: it is stopped, or the disk of the repository hangs`,
          { pid },
        ),
      );
    }
  }, lookMs);
  return () => clearInterval(timer);
}
