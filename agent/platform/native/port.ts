/**
 * A serial port that is opened once and never closed while it serves: the virtio port of a host that comes and goes, or a serial line.
 * Edge-triggered, because a virtio port without a host is hung up for as long as that lasts, which a level would tell for ever.
 */

import type { Channel, ChannelEvents } from '../../core/platform.ts';
import { pollEdge, pollHangUp, pollIn, pollOut, unwatch, watch } from './loop.ts';
import { checked, failure, native } from './natives.ts';
import { createSendQueue } from './send-queue.ts';

const tryAgain = -11;
const interestingEdges = pollIn | pollOut | pollEdge;

/** Reads of one turn (4096 bytes each): one who sends without an end must not keep timers and other channels from theirs. */
const mostReads = 16;

export function createPort(fd: number, events: ChannelEvents): Channel {
  const input = native.inputBuffer();
  const queue = createSendQueue();
  let paused = false;
  let closed = false;
  let connected = false;

  function onEdge(told: number): void {
    if (told & pollHangUp) lose();
    else {
      connected = true;
      flush();
    }
    read();
  }

  /** What was queued before this edge was for a host that has gone. */
  function lose(): void {
    if (!connected && queue.queued() === 0) return;
    connected = false;
    queue.drop();
    events.clientChanged();
  }

  function flush(): void {
    if (queue.queued() === 0) return;
    const outcome = queue.flush(fd);
    if (outcome < 0) events.failed(failure(-outcome));
    else if (queue.queued() === 0) events.drained();
  }

  function read(): void {
    for (let reads = 0; !paused && !closed; reads++) {
      // Told again at once if there is anything.
      if (reads === mostReads) return void watch(fd, interestingEdges, onEdge);
      const count = native.receive(fd);
      if (count === 0 || count === tryAgain) return;
      if (count < 0) return events.failed(failure(-count));
      connected = true;
      events.data(input.subarray(0, count));
    }
  }

  // What is there already is told by the first edge, after everything has been set up.
  checked(watch(fd, interestingEdges, onEdge));
  return {
    send(pieces) {
      if (closed) return;
      const outcome = queue.send(fd, pieces);
      if (outcome < 0) events.failed(failure(-outcome));
    },
    queued: queue.queued,
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      // The edge of what came meanwhile has passed.
      watch(fd, interestingEdges, onEdge);
    },
    close() {
      closed = true;
      queue.drop();
      unwatch(fd);
      native.close(fd);
    },
  };
}
