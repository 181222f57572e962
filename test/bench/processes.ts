/** What processes cost while nothing happens, from /proc (proc(5)). */

import { readFile } from 'node:fs/promises';

/** Resident memory, MB. */
export async function residentMb(pid: number): Promise<number> {
  const kib = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib) / 1024);
}

/** Linux counts them in hundredths of a second on every architecture (USER_HZ). */
const ticksPerSecond = 100;

/** Processor seconds that a process has used, in user and kernel mode. */
export async function cpuSeconds(pid: number): Promise<number> {
  const fields = await statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export async function parentOf(pid: number): Promise<number> {
  return Number((await statOf(pid))[1]);
}

/** Fields of `stat` from the third on: the second may hold anything in its parentheses. */
async function statOf(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
}
