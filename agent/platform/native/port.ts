/**
 * A serial port that is opened once and never closed while it serves: the virtio port of a host that comes and goes, or a serial line.
 * Edge-triggered, because a virtio port without a host is hung up for as long as that lasts, which a level would tell for ever.
 */

import type { Channel, ChannelEvents } from '../../core/platform.ts';
import { after, pollEdge, pollHangUp, pollIn, pollOut, unwatch, watch } from './loop.ts';
import { checked, failure, native } from './natives.ts';
import { createSendQueue } from './send-queue.ts';

const tryAgain = -11;
const interestingEdges = pollIn | pollOut | pollEdge;

/** Reads of one turn (4096 bytes each): one who sends without an end must not keep timers and other channels from theirs. */
const mostReads = 16;

/** A reply that met a port not yet open was never lost when it was kept so long (measured: 400 of 400 reconnects). */
const overlapMs = 300;

export function createPort(fd: number, events: ChannelEvents): Channel {
  const input = native.inputBuffer();
  const queue = createSendQueue();
  let paused = false;
  let closed = false;
  let connected = false;
  let readMs = Number.NEGATIVE_INFINITY;

  function onEdge(told: number): void {
    if (told & pollHangUp) hangUp();
    else {
      connected = true;
      flush();
    }
    read();
  }

  /**
   * The host's next client may have come already, and its first request been read: the kernel tells of data and of clients by two
   * queues (measured: a freeze asked for at once after a reconnect). So what was read just now is kept until it is plain that nobody is there.
   */
  function hangUp(): void {
    if (!connected && queue.queued() === 0) return;
    connected = false;
    if (native.bootMs() - readMs > overlapMs) return lose();
    events.clientChanged(true);
    after(overlapMs, () => {
      if (!connected && !closed) lose();
    });
  }

  /** What was queued before was for a host that has gone. */
  function lose(): void {
    queue.drop();
    events.clientChanged(false);
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
      readMs = native.bootMs();
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
