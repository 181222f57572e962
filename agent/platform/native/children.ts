/** The programs that the agent starts: their streams, and how they end. */

import { EAGAIN } from '../../core/errno.ts';
import type { Child, ChildEnd, ChildEvents, Children, SpawnRequest } from '../../core/platform.ts';
import { SIGCHLD } from '../../core/signals.ts';
import { onSignal, pollIn, pollOut, unwatch, watch } from './loop.ts';
import { checkValue, native } from './natives.ts';

/** How streams are connected; children.c has the same numbers. */
const withInput = 1;
const withOut = 2;
const withErr = 4;
const merged = 8;
const newSession = 16;

const wiring: Record<SpawnRequest['capture'], number> = {
  none: 0,
  stdout: withOut,
  stderr: withErr,
  separated: withOut | withErr,
  merged: withOut | merged,
};

/** The default capacity of a pipe. */
const chunkBytes = 64 * 1024;
const none = -1;

const endings = new Map<number, (end: ChildEnd) => void>();

onSignal((signal) => {
  if (signal !== SIGCHLD) return;
  // One signal may stand for several ends.
  for (let ended = native.reap(); ended; ended = native.reap()) {
    const [pid, status] = ended;
    const listener = endings.get(pid);
    endings.delete(pid);
    listener?.(endOf(status));
  }
});

/** Called once, when this child has ended; its number can then be reused. */
export function onEnd(pid: number, listener: (end: ChildEnd) => void): void {
  endings.set(pid, listener);
}

/** wait(2): the low seven bits are the signal that ended it, if any. */
function endOf(status: number): ChildEnd {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
}

export const children: Children = {
  spawn(request, events) {
    const { programs, argv, environment, input, capture } = request;
    const streams = wiring[capture] | (input ? withInput : 0) | (request.newSession ? newSession : 0);
    const [pid, toInput, out, err] = checkValue(native.spawn(programs, argv, environment, streams));
    return follow(pid, request.newSession === true, events, { toInput, input, out, err });
  },
};

interface Streams {
  toInput: number;
  input: Uint8Array | undefined;
  out: number;
  err: number;
}

function follow(pid: number, isGroup: boolean, events: ChildEvents, streams: Streams): Child {
  let end: ChildEnd | undefined;
  const open = new Set<number>();

  function settle(): void {
    if (end && open.size === 0) events.closed?.(end);
  }

  function close(fd: number): void {
    if (!open.delete(fd)) return;
    unwatch(fd);
    native.close(fd);
    settle();
  }

  function readFrom(fd: number, stream: 'out' | 'err'): void {
    if (fd === none) return;
    open.add(fd);
    watch(fd, pollIn, () => {
      const bytes = native.read(fd, chunkBytes);
      if (bytes === -EAGAIN) return;
      if (typeof bytes === 'number' || bytes.length === 0) return close(fd);
      events.output?.(stream, bytes);
    });
  }

  if (streams.input) feed(streams.toInput, streams.input);
  readFrom(streams.out, 'out');
  readFrom(streams.err, 'err');
  onEnd(pid, (how) => {
    end = how;
    events.exited?.(how);
    settle();
  });
  return {
    pid,
    kill(signal) {
      // Its number cannot be reused before its end was reported.
      if (!end) native.kill(isGroup ? -pid : pid, signal);
      // A process that holds its streams is most likely of its group, which then keeps the number.
      else if (isGroup && open.size > 0) native.kill(-pid, signal);
    },
    release() {
      // Closing removes elements from the set that is being iterated.
      Array.from(open).forEach((fd) => close(fd));
    },
  };
}

/** A program that ends without reading its input is not an error. */
function feed(fd: number, input: Uint8Array): void {
  let from = 0;
  watch(fd, pollOut, () => {
    const taken = from < input.length ? native.write(fd, input, from) : 0;
    if (taken === -EAGAIN) return;
    from += taken;
    if (taken >= 0 && from < input.length) return;
    unwatch(fd);
    native.close(fd);
  });
}
