/** What a descriptor did not take yet, in order. While it is empty, replies are sent directly and are never copied. */

import { EAGAIN } from '../../core/errno.ts';
import type { Piece } from '../../core/platform.ts';
import { native } from './natives.ts';

export interface SendQueue {
  /** How many bytes wait. */
  queued(): number;
  /** @returns 0, or -errno when the other end is gone */
  send(fd: number, pieces: readonly Piece[]): number;
  /** After the descriptor has become writable again; @returns as above */
  flush(fd: number): number;
  drop(): void;
}

export function createSendQueue(): SendQueue {
  let waiting: Uint8Array[] = [];
  /** How much of the first one has been sent. */
  let from = 0;
  let bytes = 0;

  function keep(rest: Uint8Array): void {
    waiting.push(rest);
    bytes += rest.length;
  }

  return {
    queued: () => bytes,
    send(fd, pieces) {
      if (bytes > 0) {
        keep(native.encode(pieces));
        return 0;
      }
      const rest = native.send(fd, pieces);
      if (rest === undefined) return 0;
      if (typeof rest === 'number') return rest;
      keep(rest);
      return 0;
    },
    flush(fd) {
      while (bytes > 0) {
        const first = waiting[0]!;
        const taken = native.write(fd, first, from);
        if (taken < 0) return taken === -EAGAIN ? 0 : taken;
        bytes -= taken;
        from += taken;
        if (from === first.length) {
          waiting.shift();
          from = 0;
        }
      }
      return 0;
    },
    drop() {
      waiting = [];
      from = 0;
      bytes = 0;
    },
  };
}
