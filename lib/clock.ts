/** The host's clocks: monotonic for every duration and deadline, wall clock for people only. */

import { readFileSync } from 'node:fs';

/** CLOCK_MONOTONIC in milliseconds: the same for all processes of this boot, and not moved when somebody sets the time. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Random id of this boot of the host (random(4)): monotonic times compare only within one. */
export function hostBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
