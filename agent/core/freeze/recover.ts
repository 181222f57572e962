/** Thaws without a guard, after one that was killed or stopped, or after a previous agent. Continues until nothing can be frozen. */

import type { Freezing, FreezeTarget, Platform } from '../platform.ts';
import { SIGKILL } from '../signals.ts';
import { locate } from './plan.ts';

/** Time for one round; a filesystem that blocks it is tried after the others. */
const roundLimitMs = 2_000;
const betweenRoundsMs = 100;

/**
 * Resolves with those to which no path leads any more: only their own unmount ends the freeze of these. `targets` in the order of
 * freezing; each is found by its superblock, since its mount may have moved. `freezerGone` resolves when no process can freeze any more: a filesystem found thawed before that may
 * still become frozen, and is checked once more.
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
 * Resolves when none of these processes exists any more; those that still do after `patienceMs` are killed. A process that started later
 * under the same number is another one.
 */
export async function untilGone(
  { files, clock, process }: Platform,
  processes: readonly { pid: number; started: string }[],
  patienceMs: number,
): Promise<void> {
  const isThere = ({ pid, started }: { pid: number; started: string }) => {
    try {
      const status = files.readText(`/proc/${pid}/stat`);
      // The name, in parentheses, may hold any character; field 22 is the 20th after it. A zombie freezes nothing.
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
