/** Dispatches the events of the loop: descriptors, signals, and timers, of which the kernel knows only the earliest. */

import { native } from './natives.ts';

/** epoll_ctl(2). */
export const pollIn = 1;
export const pollOut = 4;
export const pollError = 8;
export const pollHangUp = 0x10;
export const pollEdge = 1 << 31;

type Handler = (events: number) => void;

const handlers: (Handler | undefined)[] = [];
const signalListeners: ((signal: number) => void)[] = [];

/** In the order in which they come due; agents have a handful. */
const timers: Timer[] = [];

interface Timer {
  dueMs: number;
  run: () => void;
}

/** First argument of the C layer's calls. */
const fileEvent = 0;
const signalEvent = 1;

native.onEvent((kind, which, events) => {
  if (kind === fileEvent) handlers[which]?.(events);
  else if (kind === signalEvent) for (const listener of signalListeners) listener(which);
  else runDue();
});

/** From now on, or with other events; @returns 0 or -errno */
export function watch(fd: number, events: number, handler: Handler): number {
  const isWatched = handlers[fd] !== undefined;
  handlers[fd] = handler;
  return native.watch(fd, events, isWatched);
}

/** Before the descriptor is closed. */
export function unwatch(fd: number): void {
  if (!handlers[fd]) return;
  handlers[fd] = undefined;
  native.unwatch(fd);
}

export function onSignal(listener: (signal: number) => void): void {
  signalListeners.push(listener);
}

/** Once, by the boot clock; @returns a function that cancels it */
export function after(ms: number, run: () => void): () => void {
  const timer: Timer = { dueMs: native.bootMs() + Math.max(0, ms), run };
  let place = timers.length;
  while (place > 0 && timers[place - 1]!.dueMs > timer.dueMs) place--;
  timers.splice(place, 0, timer);
  if (place === 0) arm();
  return () => {
    if (remove(timer)) arm();
  };
}

/** @returns whether it was still set */
function remove(timer: Timer): boolean {
  const index = timers.indexOf(timer);
  if (index >= 0) timers.splice(index, 1);
  return index >= 0;
}

function arm(): void {
  native.setDeadline(timers[0]?.dueMs ?? 0);
}

function runDue(): void {
  const now = native.bootMs();
  // A timer that is set by another one waits for its own turn, and cannot extend this loop; one that is cancelled by another does not run.
  for (const timer of timers.filter(({ dueMs }) => dueMs <= now)) if (remove(timer)) timer.run();
  arm();
}
