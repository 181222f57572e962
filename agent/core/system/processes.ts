/** The processes that guest-exec has started until a client has read their end: what each wrote, and how it ended. */

import type { ChildEnd, Children, SpawnRequest } from '../platform.ts';
import { createOutput, type Output } from './output.ts';

export interface StartedProcess {
  readonly out: Output;
  readonly err: Output;
  /** Undefined as long as it runs or another process holds its captured output open. */
  end: ChildEnd | undefined;
}

export interface Processes {
  /** @throws SystemError */
  start(request: SpawnRequest): number;
  find(pid: number | bigint): StartedProcess | undefined;
  forget(pid: number | bigint): void;
}

/** A client polls for what it started, and soon. Beyond this many unread ends, the oldest are dropped: qemu-ga keeps them for ever. */
const mostEnded = 256;

/** And beyond this much output, twice what one process can leave behind. */
const mostEndedBytes = 64 * 2 ** 20;

export function createProcesses(children: Children): Processes {
  const started = new Map<number | bigint, StartedProcess>();
  /** In the order in which they ended. */
  const ended = new Set<StartedProcess>();
  let endedBytes = 0;

  function drop(pid: number | bigint): void {
    const process = started.get(pid);
    started.delete(pid);
    if (process && ended.delete(process)) endedBytes -= sizeOf(process);
  }

  function finish(pid: number, process: StartedProcess): void {
    if (started.get(pid) !== process) return;
    ended.add(process);
    endedBytes += sizeOf(process);
    for (const [oldPid, old] of started) {
      if (ended.size <= mostEnded && endedBytes <= mostEndedBytes) return;
      if (ended.has(old) && old !== process) drop(oldPid);
    }
  }

  return {
    start(request) {
      const process: StartedProcess = { out: createOutput(), err: createOutput(), end: undefined };
      let pid = 0;
      // A child's listener must not reference it: quickjs frees a circle late, and its output with it.
      ({ pid } = children.spawn(request, {
        output: (stream, bytes) => process[stream].push(bytes),
        closed(end) {
          process.end = end;
          finish(pid, process);
        },
      }));
      // The kernel has reused this pid, so its former process is gone.
      drop(pid);
      started.set(pid, process);
      return pid;
    },
    find: (pid) => started.get(pid),
    forget: drop,
  };
}

const sizeOf = ({ out, err }: StartedProcess) => out.length() + err.length();
