/** Names a process so that another can tell whether it still lives: process ids alone come back. */

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { hostBootId } from './clock.ts';
import { errnoOf } from './errno.ts';

export interface ProcessName {
  pid: number;
  user: string;
  hostname: string;
  machine: string;
  boot: string;
  /** The process table that `pid` counts in (pid_namespaces(7)). */
  table: string;
  /** Clock ticks from the boot to its start, field 22 of /proc/PID/stat (proc(5)). */
  ticks: string;
  /** Its start by the wall clock, ISO 8601: shows which of two is younger, on any machines. */
  since: string;
}

export function nameOfThisProcess(): ProcessName {
  return {
    pid: process.pid,
    user: userName(),
    hostname: hostname(),
    machine: machineId(),
    boot: hostBootId(),
    table: processTable(),
    ticks: statOf(process.pid)!.ticks,
    since: new Date(Date.now() - Math.round(process.uptime() * 1_000)).toISOString(),
  };
}

/** machine-id(5); a container may lack one; then its host name distinguishes it. */
export function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || `hostname ${hostname()}`;
  } catch {
    return `hostname ${hostname()}`;
  }
}

/** Null when this process cannot know, because the other one counts in another process table. */
export function isAlive(other: ProcessName): boolean | null {
  if (other.machine !== machineId()) return null;
  if (other.boot !== hostBootId()) return false;
  if (other.table !== processTable()) return null;
  try {
    process.kill(other.pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's (kill(2)).
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const stat = statOf(other.pid);
  // A /proc mounted with hidepid shows no process of other users (proc(5)): there is one, so it counts as this one.
  return stat === null || (stat.ticks === other.ticks && !ended.has(stat.state));
}

/**
 * Sends SIGKILL to just this process, if it still runs: same boot, same process table, same start. False when nothing was sent: it has
 * ended, or what has its id now is not shown to be it.
 */
export function killProcess({ pid, boot, table, ticks }: ProcessName): boolean {
  if (pid === process.pid || boot !== hostBootId() || table !== processTable()) return false;
  const stat = statOf(pid);
  if (stat === null || stat.ticks !== ticks || ended.has(stat.state)) return false;
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/** A zombie, or dead: it has let go of everything (proc(5)). */
const ended = new Set(['Z', 'X']);

function processTable(): string {
  return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
}

/** The second field, in parentheses, may hold spaces and parentheses (proc(5)). */
export function statOf(pid: number): { state: string; ticks: string; utime: number; stime: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, ticks: fields[19]!, utime: Number(fields[11]), stime: Number(fields[12]) };
  } catch {
    return null;
  }
}

/** A user without an entry in the password file has no name (getpwuid(3)). */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid!()}`;
  }
}
