/** A kernel whose filesystems freeze, block, fail or are frozen by another program, and a guard that does what a test says. */

import {
  SystemError,
  type Freezing,
  type FreezeTarget,
  type HeldFreeze,
  type TargetState,
} from '../../../agent/core/platform.ts';

export type Mood = 'freezes' | 'hangs' | 'foreign' | 'cannot' | 'fails';

const errnoOf: Partial<Record<Mood, number>> = { foreign: 16, cannot: 95, fails: 5 };

export interface FakeFreezing extends Freezing {
  /** Frozen now, by path, in the order in which they froze. */
  readonly frozen: readonly string[];
  /** From now on. */
  mood(path: string, mood: Mood): void;
  /** Resolves when the next freeze has been asked for. */
  started(): Promise<FakeHeld>;
  /** The kernel lets go of a filesystem that hangs: its freeze comes to its end. */
  letGo(path: string): void;
}

export interface FakeHeld {
  targets: readonly FreezeTarget[];
  deadlineMs: number | undefined;
  /** The guard acts on its own deadline. */
  deadline(): void;
  /** SIGKILL for the guard; what is frozen stays so. */
  killGuard(): void;
  /** The guard does nothing any more, until it is killed. */
  stopGuard(): void;
  /** Another program thaws one. */
  thawBehind(path: string): void;
}

export function createFakeFreezing(): FakeFreezing {
  const frozen: string[] = [];
  const moods = new Map<string, Mood>();
  const letGo = new Map<string, () => void>();
  let waiter = Promise.withResolvers<FakeHeld>();
  const unfreeze = (path: string) => {
    const at = frozen.indexOf(path);
    if (at >= 0) frozen.splice(at, 1);
    return at >= 0;
  };

  function start(targets: readonly FreezeTarget[], deadlineMs: number | undefined): HeldFreeze {
    const states = targets.map(() => ({ state: 'waiting' as TargetState, errno: 0, microseconds: 0 }));
    const settled = Promise.withResolvers<void>();
    const over = Promise.withResolvers<{ clean: boolean }>();
    let [cancelled, stopped, passed] = [false, false, false];

    async function freezeAll(): Promise<void> {
      for (const [index, { path }] of targets.entries()) {
        const mood = moods.get(path) ?? 'freezes';
        const target = states[index]!;
        if (cancelled) break;
        target.state = 'freezing';
        if (mood === 'hangs') await new Promise<void>((resolve) => letGo.set(path, resolve));
        const errno = errnoOf[mood];
        if (errno !== undefined) Object.assign(target, { state: 'failed', errno });
        else {
          frozen.push(path);
          target.state = 'frozen';
          if (cancelled) undo(index);
        }
      }
      settled.resolve();
      if (cancelled) closeWhenClear();
    }

    function undo(index: number): void {
      if (states[index]!.state === 'frozen') states[index]!.state = unfreeze(targets[index]!.path) ? 'thawed' : 'lost';
    }

    function thaw(): void {
      if (stopped) return;
      cancelled = true;
      [...targets.keys()].reverse().forEach(undo);
      closeWhenClear();
    }

    function closeWhenClear(): void {
      if (!states.some(({ state }) => state === 'freezing' || state === 'frozen')) over.resolve({ clean: true });
    }

    const kill = () => over.resolve({ clean: false });
    waiter.resolve({
      targets,
      deadlineMs,
      deadline() {
        passed = true;
        thaw();
      },
      killGuard: kill,
      stopGuard: () => void (stopped = true),
      thawBehind: (path) => void unfreeze(path),
    });
    waiter = Promise.withResolvers();
    void freezeAll();
    return {
      processes: [],
      target: (index) => states[index]!,
      settled: settled.promise,
      over: over.promise,
      deadlinePassed: () => passed,
      thaw,
      giveUp: kill,
    };
  }

  return {
    frozen,
    mood: (path, mood) => void moods.set(path, mood),
    started: () => waiter.promise,
    letGo: (path) => letGo.get(path)?.(),
    start,
    async thawAgain(targets) {
      return targets.map(({ path }) =>
        letGo.has(path) && moods.get(path) === 'hangs' && !frozen.includes(path)
          ? new SystemError(110, 'Connection timed out')
          : unfreeze(path)
            ? 'thawed'
            : 'not-frozen',
      );
    },
  };
}
