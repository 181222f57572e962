/** A guest's serial console: what its writers say is the ground truth of whether it was frozen, and for how long. */

import type { Readable } from 'node:stream';

/** A finished file; `at` is the guest's monotonic clock in milliseconds. */
export interface Write {
  disk: string;
  seq: number;
  at: number;
}

export interface GuestConsole {
  /** The last finished file of a disk; undefined before the first. */
  last(disk: string): Write | undefined;
  /** Resolves with the next file that is finished on this disk. @throws when the guest ends first */
  nextWrite(disk: string): Promise<Write>;
  /** Starts a new measurement. */
  mark(): void;
  /** The longest time between two finished files of one disk since the mark, in the guest's own milliseconds. */
  longestStallMs(): number;
  /** Calls back for every line that is not a writer's. */
  onLine(listener: (line: string) => void): void;
}

export function readConsole(stream: Readable, ended: Promise<string>): GuestConsole {
  const last = new Map<string, Write>();
  const waiting = new Map<string, PromiseWithResolvers<Write>>();
  const listeners = new Set<(line: string) => void>();
  let longest = 0;
  let rest = '';

  stream.setEncoding('latin1').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    for (const line of lines) receive(line.trim());
  });
  let over: Error | undefined;
  void ended.then((why) => {
    over = new Error(`the guest ended (${why}) before it wrote again`);
    waiting.forEach((waiter) => waiter.reject(over));
  });

  function receive(line: string): void {
    const match = /^W (\S+) (\d+) (\d+) \d+$/.exec(line);
    if (!match) return listeners.forEach((listener) => listener(line));
    const write = { disk: match[1]!, seq: Number(match[2]), at: Number(match[3]) };
    const before = last.get(write.disk);
    if (before) longest = Math.max(longest, write.at - before.at);
    last.set(write.disk, write);
    waiting.get(write.disk)?.resolve(write);
    waiting.delete(write.disk);
  }

  return {
    last: (disk) => last.get(disk),
    nextWrite(disk) {
      if (over) return Promise.reject(over);
      const waiter = waiting.get(disk) ?? Promise.withResolvers<Write>();
      waiting.set(disk, waiter);
      return waiter.promise;
    },
    mark: () => void (longest = 0),
    longestStallMs: () => longest,
    onLine: (listener) => void listeners.add(listener),
  };
}
