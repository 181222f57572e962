/** Whether a process does anything: by the processor time of it and of all processes that it has started. */

import { readFileSync } from 'node:fs';
import { statOf } from './process.ts';

/** Clock ticks in user and kernel mode (proc_pid_stat(5)). A process that is stopped, or waits for what does not come, gains none. */
export function ticksOfTree(pid: number): number {
  const { utime, stime } = statOf(pid) ?? { utime: 0, stime: 0 };
  return childrenOf(pid).reduce((sum, child) => sum + ticksOfTree(child), utime + stime);
}

function childrenOf(pid: number): number[] {
  try {
    // Node starts processes from its main thread.
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
