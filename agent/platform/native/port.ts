/**
 * A serial port that is opened once and never closed while it serves: the virtio port of a host that comes and goes, or a serial line.
 * Edge-triggered, because a virtio port without a host is hung up for as long as that lasts, which a level would tell for ever.
 */

import { EAGAIN } from '../../core/errno.ts';
import type { Channel, ChannelEvents } from '../../core/platform.ts';
import { after, pollEdge, pollHangUp, pollIn, pollOut, unwatch, watch } from './loop.ts';
import { check, failure, native } from './natives.ts';
import { createSendQueue } from './send-queue.ts';

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
  /** Cancels the loss that the last hang-up set: a timer that outlives its hang-up would drop what the next client asked. */
  let cancelLoss: (() => void) | undefined;
  let readMs = Number.NEGATIVE_INFINITY;

  function onEdge(reported: number): void {
    if (reported & pollHangUp) hangUp();
    else connect();
    read();
  }

  function connect(): void {
    connected = true;
    keep();
    flush();
  }

  /**
   * The host's next client may be there already, and its first request read: the kernel reports data and clients by two queues
   * (measured: a freeze that is requested immediately after a reconnect). So what was read recently is kept until no client can follow.
   */
  function hangUp(): void {
    if (!connected && queue.queued() === 0) return;
    connected = false;
    if (native.bootMs() - readMs > overlapMs) return lose();
    events.clientChanged(true);
    loseLater();
  }

  function loseLater(): void {
    keep();
    cancelLoss = after(overlapMs, lose);
  }

  function keep(): void {
    cancelLoss?.();
    cancelLoss = undefined;
  }

  /** What was queued before was for a host that has gone. */
  function lose(): void {
    keep();
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
      if (count === 0 || count === -EAGAIN) return;
      if (count < 0) return events.failed(failure(-count));
      readMs = native.bootMs();
      // Read before its client is reported: that report, or the lack of it, decides about the reply.
      if (!connected) loseLater();
      events.data(input.subarray(0, count));
    }
  }

  // What is there already is told by the first edge, after everything has been set up.
  check(watch(fd, interestingEdges, onEdge));
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
      // Another file may have its descriptor by now.
      if (closed) return;
      // The edge of what came meanwhile has passed.
      watch(fd, interestingEdges, onEdge);
    },
    close() {
      closed = true;
      keep();
      queue.drop();
      unwatch(fd);
      native.close(fd);
    },
  };
}
