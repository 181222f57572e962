/** Thawing without a guard: one that was killed or stopped, or that of an agent before us. Goes on until nothing can be frozen. */

import type { Freezing, FreezeTarget, Platform } from '../platform.ts';
import { SIGKILL } from '../signals.ts';
import { locate } from './plan.ts';

/** One round; a filesystem that blocks it is put behind the others. */
const roundLimitMs = 2_000;
const betweenRoundsMs = 100;

/**
 * Resolves with those to which no path leads any more: nothing in the guest can thaw them but their own unmount. `targets` in the order of
 * freezing; each is looked for by its superblock, since its mount may have moved. `freezerGone` resolves when nobody can freeze any more: a filesystem found thawed before that may
 * still become frozen, and is looked at once more.
 */
export async function recover(
  platform: Platform & { freezing: Freezing },
  targets: readonly FreezeTarget[],
  freezerGone: Promise<unknown>,
): Promise<FreezeTarget[]> {
  let gone = false;
  const noticed = freezerGone.then(() => (gone = true));
  const all = targets.toReversed();
  for (let left = all; ;) {
    const last = gone;
    const places = locate(platform, left);
    const there = left.filter((_, index) => places[index]);
    const results = await platform.freezing.thawAgain(
      places.filter((place) => place !== undefined),
      roundLimitMs,
    );
    const again = there.filter((_, index) => results[index] !== 'thawed' && results[index] !== 'not-frozen');
    const [blocked, ...others] = again;
    if (blocked) {
      left = [...others, blocked];
      await new Promise<void>((resolve) => platform.clock.after(betweenRoundsMs, resolve));
    } else if (last) {
      const final = locate(platform, all);
      return all.filter((_, index) => !final[index]);
    } else {
      await noticed;
      left = all;
    }
  }
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
