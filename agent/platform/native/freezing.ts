/** Freezes that are held by a guard process; all state is in memory that agent, guard and freezer share. */

import { EAGAIN, EINVAL } from '../../core/errno.ts';
import type { Freezing, FreezeTarget, HeldFreeze, TargetState } from '../../core/platform.ts';
import { SIGKILL } from '../../core/signals.ts';
import { onEnd } from './children.ts';
import { files } from './files.ts';
import { pollIn, unwatch, watch } from './loop.ts';
import { checkValue, native } from './natives.ts';
import { identities, probe, probeKinds } from './probes.ts';

/** The numbers of freeze.h. */
const states: TargetState[] = ['waiting', 'freezing', 'frozen', 'thawing', 'thawed', 'failed', 'lost'];
const held: TargetState[] = ['freezing', 'frozen', 'thawing'];

/** struct Shared, in words of 32 bits. */
const deadlinePassedWord = 1;
const guardWord = 2;
const firstTargetWord = 4;
const targetWords = 3;

/** Each byte reports only that the state has changed. */
const chunkBytes = 64;

export const freezing: Freezing = {
  start(targets, deadlineMs) {
    // The agent may have started a moment ago (main.ts).
    native.lockMemory();
    return follow(targets.length, ...begin(targets, deadlineMs));
  },
  async thawAgain(targets, limitMs) {
    const paths = targets.map(({ path }) => path);
    const outcomes = await probe(probeKinds.thawOnce, paths, limitMs, () => 'thawed' as const, { superblocks: targets });
    // FITHAW on a filesystem that is not frozen.
    return outcomes.map((each) => (each !== 'thawed' && each.errno === EINVAL ? 'not-frozen' : each));
  },
};

function begin(targets: readonly FreezeTarget[], deadlineMs: number | undefined): [number, number, ArrayBuffer] {
  return checkValue(
    native.freeze(
      targets.map(({ path }) => path),
      identities(targets),
      deadlineMs ?? 0,
    ),
  );
}

function follow(count: number, freezer: number, control: number, memory: ArrayBuffer): HeldFreeze {
  const words = new Uint32Array(memory);
  const processes = [withStart(freezer)];
  let freezerEnded = false;
  let controlEnded = false;
  const settled = Promise.withResolvers<void>();
  const over = Promise.withResolvers<{ clean: boolean }>();

  const target = (index: number) => {
    const word = firstTargetWord + index * targetWords;
    return { state: states[words[word]!]!, errno: words[word + 1]!, microseconds: words[word + 2]! };
  };
  const isAny = (among: readonly TargetState[]) => {
    for (let index = 0; index < count; index++) if (among.includes(target(index).state)) return true;
    return false;
  };

  /** Without a guard, and with a freezer that is gone or has nothing left to begin, nothing changes any more. */
  function look(): void {
    noteGuard();
    const nothingCanFreeze = freezerEnded || !isAny(['waiting', 'freezing']);
    if (controlEnded && isAny(held)) over.resolve({ clean: false });
    else if ((controlEnded || words[guardWord] === 0) && nothingCanFreeze && !isAny(held)) over.resolve({ clean: true });
  }

  function noteGuard(): void {
    const guard = words[guardWord]!;
    if (guard !== 0 && processes.length === 1) processes.push(withStart(guard));
  }

  onEnd(freezer, () => {
    freezerEnded = true;
    settled.resolve();
    look();
  });
  watch(control, pollIn, () => {
    const bytes = native.read(control, chunkBytes);
    if (bytes === -EAGAIN) return;
    if (typeof bytes === 'number' || bytes.length === 0) {
      controlEnded = true;
      unwatch(control);
      native.close(control);
    }
    look();
  });
  return {
    get processes() {
      noteGuard();
      return processes;
    },
    target,
    settled: settled.promise,
    over: over.promise,
    deadlinePassed: () => words[deadlinePassedWord] === 1,
    thaw() {
      if (controlEnded) return;
      native.cancelFreeze(memory, control);
      look();
    },
    giveUp() {
      const guard = words[guardWord]!;
      if (guard !== 0 && !controlEnded) native.kill(guard, SIGKILL);
    },
  };
}

/** Field 22 of proc(5)'s stat, behind a name in parentheses that may hold any character. */
function withStart(pid: number): { pid: number; started: string } {
  try {
    const status = files.readText(`/proc/${pid}/stat`);
    return { pid, started: status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
  } catch {
    // It has ended already.
    return { pid, started: '' };
  }
}
