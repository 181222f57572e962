/** Whether the worker must be taken for dead: by the answers it owes, and by what its main thread does meanwhile. */

import { readFileSync } from 'node:fs';
import { monotonicMs } from '../../lib/clock.ts';

export interface Liveness {
  /** Call it with each question that goes out. */
  asked(): void;
  answered(): void;
  /** Milliseconds since the first question that has no answer; 0 when every question has one. */
  silentMs(): number;
  /** Call it at each look at the journal: work is what has happened since the last call. */
  isDead(): boolean;
}

export function createLiveness(pid: number): Liveness {
  let askedMs: number | undefined;
  let before: ThreadLook | undefined;
  const silentMs = () => (askedMs === undefined ? 0 : monotonicMs() - askedMs);
  return {
    asked: () => void (askedMs ??= monotonicMs()),
    answered: () => (askedMs = undefined),
    silentMs,
    isDead() {
      const now = lookAtMainThread(pid);
      const dead = isSilentForTooLong(silentMs(), now !== undefined && isBusy(now, before));
      before = now;
      return dead;
    },
  };
}

/** How long a worker that does no work may owe an answer: it is stopped, or waits for what does not come. */
const idleGraceMs = 1_000;
/**
 * How long a worker that works may: its event loop is behind, since it takes apart what guests sent or the host is overloaded, and
 * the windows of other guests die with it. Past this it spins; the guardian comes five seconds after a deadline too.
 */
const busyGraceMs = 5_000;

export function isSilentForTooLong(silentMs: number, busy: boolean): boolean {
  return silentMs > (busy ? busyGraceMs : idleGraceMs);
}

/** One look at a thread: proc_pid_stat(5). */
export interface ThreadLook {
  state: string;
  /** Processor time in user and kernel mode. */
  ticks: number;
}

/** Of the main thread alone: those of the SDK work on while the event loop hangs. Undefined when the process is gone. */
export function lookAtMainThread(pid: number): ThreadLook | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/task/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name before it is in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0]!, ticks: Number(fields[11]) + Number(fields[12]) };
}

/**
 * It runs, or waits for a processor (R) or a disk (D), or has used processor time since the last look. A process that is stopped (T) or
 * traced (t) is not busy, whatever it did before.
 */
export function isBusy(now: ThreadLook, before: ThreadLook | undefined): boolean {
  if (now.state === 'T' || now.state === 't') return false;
  return now.state === 'R' || now.state === 'D' || (before !== undefined && now.ticks > before.ticks);
}
