/** Receives from a socket straight into the buffers that the caller names, in the order in which it asks. */

import type { OnReadOpts, Socket } from 'node:net';

export interface Intake {
  /** For the options of the socket. */
  readonly onread: OnReadOpts;
  attach(socket: Socket): void;
  /**
   * Resolves once `into` is full; one at a time. Nothing writes to `into` after it has settled; until then its memory must not be
   * transferred.
   * @throws the error of `fail`
   */
  fill(into: Uint8Array): Promise<void>;
  /** This `fill` and all later ones fail. The caller also destroys the socket. */
  fail(error: Error): void;
}

/** Holds many heads and small messages, which are copied from here; the rest of a larger payload is received in its place. */
const scratchBytes = 64 * 2 ** 10;

export function createIntake(): Intake {
  const scratch = Buffer.allocUnsafeSlow(scratchBytes);
  /** Received in `scratch` and not taken yet. */
  let unread = scratch.subarray(0, 0);
  let wanted: { into: Uint8Array; size: number; filled: number; done: PromiseWithResolvers<void> } | undefined;
  /** Whether the socket receives into `wanted` now. */
  let direct = false;
  let paused = false;
  let failure: Error | undefined;
  let socket: Socket | undefined;

  function advance(bytes: number): void {
    if (wanted === undefined) return;
    wanted.filled += bytes;
    if (wanted.filled < wanted.size) return;
    const { done } = wanted;
    wanted = undefined;
    done.resolve();
  }

  function takeUnread(): void {
    if (wanted === undefined || unread.length === 0) return;
    const taken = unread.subarray(0, wanted.size - wanted.filled);
    wanted.into.set(taken, wanted.filled);
    unread = unread.subarray(taken.length);
    advance(taken.length);
  }

  function fail(error: Error): void {
    failure ??= error;
    wanted?.done.reject(failure);
    wanted = undefined;
  }

  return {
    onread: {
      // Node asks for the next buffer directly after each callback, before any promise goes on.
      buffer: () => {
        direct = wanted !== undefined && wanted.size - wanted.filled >= scratchBytes;
        return direct ? wanted!.into.subarray(wanted!.filled, wanted!.size) : scratch;
      },
      // `false` stops the socket: what is in `scratch` must be taken first.
      callback: (bytes) => {
        try {
          if (failure !== undefined) return false;
          if (direct) advance(bytes);
          else {
            unread = scratch.subarray(0, bytes);
            takeUnread();
          }
          paused = unread.length > 0;
          return !paused;
        } catch (error) {
          // It would end the process: nothing stands above this callback but Node.
          fail(error instanceof Error ? error : new Error(String(error)));
          return false;
        }
      },
    },
    attach(to) {
      socket = to;
    },
    fill(into) {
      if (failure !== undefined) return Promise.reject(failure);
      if (into.length === 0) return Promise.resolve();
      const done = Promise.withResolvers<void>();
      wanted = { into, size: into.length, filled: 0, done };
      takeUnread();
      if (unread.length === 0 && paused) {
        paused = false;
        socket?.resume();
      }
      return done.promise;
    },
    fail,
  };
}
