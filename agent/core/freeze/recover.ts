/** Thawing without a guard: one that was killed or stopped, or that of an agent before us. Goes on until nothing can be frozen. */

import { ENOENT, ENOTDIR, ESTALE } from '../errno.ts';
import { SystemError, type Freezing, type FreezeTarget, type Platform } from '../platform.ts';
import { SIGKILL } from '../signals.ts';

/** One round; a filesystem that blocks it is put behind the others. */
const roundLimitMs = 2_000;
const betweenRoundsMs = 100;

/** No path leads to it any more. Nothing in the guest can thaw it then but its own unmount. */
const unreachable = [ENOENT, ENOTDIR, ESTALE];

/**
 * `targets` in the order of freezing. `freezerGone` resolves when nobody can freeze any more: a filesystem found thawed before that may
 * still become frozen, and is looked at once more.
 */
export async function recover(
  platform: Platform & { freezing: Freezing },
  targets: readonly FreezeTarget[],
  freezerGone: Promise<unknown>,
): Promise<void> {
  let gone = false;
  const noticed = freezerGone.then(() => (gone = true));
  const all = targets.toReversed();
  for (let left = all; ;) {
    const last = gone;
    const results = await platform.freezing.thawAgain(left, roundLimitMs);
    const again = left.filter((_, index) => !isDone(results[index]));
    const [blocked, ...others] = again;
    if (blocked) {
      left = [...others, blocked];
      await new Promise<void>((resolve) => platform.clock.after(betweenRoundsMs, resolve));
    } else if (last) {
      return;
    } else {
      await noticed;
      left = all;
    }
  }
}

function isDone(result: 'thawed' | 'not-frozen' | SystemError | undefined): boolean {
  return result === 'thawed' || result === 'not-frozen' || (result instanceof SystemError && unreachable.includes(result.errno));
}

/**
 * Resolves when none of these processes is there any more; those that still are after `patienceMs` are killed. One that was begun later
 * under the same number is another.
 */
export async function untilGone(
  { files, clock, process }: Platform,
  processes: readonly { pid: number; started: string }[],
  patienceMs: number,
): Promise<void> {
  const isThere = ({ pid, started }: { pid: number; started: string }) => {
    try {
      const status = files.readText(`/proc/${pid}/stat`);
      // The name, in parentheses, may hold anything; field 22 is the 20th behind it. A zombie freezes nothing.
      const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
      return fields[19] === started && fields[0] !== 'Z';
    } catch {
      return false;
    }
  };
  const patientUntilMs = clock.bootMs() + patienceMs;
  for (let left = processes.filter(isThere); left.length > 0; left = left.filter(isThere)) {
    if (clock.bootMs() > patientUntilMs) left.forEach(({ pid }) => process.kill(pid, SIGKILL));
    await new Promise<void>((resolve) => clock.after(betweenRoundsMs, resolve));
  }
}
