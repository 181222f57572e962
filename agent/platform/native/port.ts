/**
 * A serial port that is opened once and never closed while it serves: the virtio port of a host that connects and disconnects, or a serial line.
 * Edge-triggered, because a virtio port without a host is hung up for as long as that lasts, which a level would report for ever.
 */

import { EAGAIN } from '../../core/errno.ts';
import type { Channel, ChannelEvents } from '../../core/platform.ts';
import { after, pollEdge, pollHangUp, pollIn, pollOut, unwatch, watch } from './loop.ts';
import { check, failure, native } from './natives.ts';
import { createSendQueue } from './send-queue.ts';

const interestingEdges = pollIn | pollOut | pollEdge;

/** Reads of one turn (4096 bytes each): a client that sends without end must not keep timers and other channels waiting. */
const mostReads = 16;

/** A reply that met a port not yet open was never lost when it was kept this long (measured: 400 of 400 reconnects). */
const overlapMs = 300;

export function createPort(fd: number, events: ChannelEvents): Channel {
  const input = native.inputBuffer();
  const queue = createSendQueue();
  let paused = false;
  let closed = false;
  let connected = false;
  /** Cancels the loss that the last hang-up set: a timer that outlives its hang-up would drop the next client's reply. */
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
   * (measured: a freeze that is requested immediately after a reconnect). So recent data is kept until no client can follow.
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

  /** Data that was queued before was for a host that has gone. */
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
      // Reported again at once if there is any.
      if (reads === mostReads) return void watch(fd, interestingEdges, onEdge);
      const count = native.receive(fd);
      if (count === 0 || count === -EAGAIN) return;
      if (count < 0) return events.failed(failure(-count));
      readMs = native.bootMs();
      // Read before its client is reported: that report, or its absence, decides about the reply.
      if (!connected) loseLater();
      events.data(input.subarray(0, count));
    }
  }

  // Data that has arrived already is reported by the first edge, after everything has been set up.
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
      // Another file may have this descriptor by now.
      if (closed) return;
      // The edge for data that came meanwhile has passed.
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
