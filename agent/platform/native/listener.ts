/** A listening socket that serves one client at a time; the next waits in the backlog until the first has gone. */

import { EAGAIN } from '../../core/errno.ts';
import type { Channel, ChannelEvents } from '../../core/platform.ts';
import { after, pollEdge, pollError, pollHangUp, pollIn, pollOut, unwatch, watch } from './loop.ts';
import { check, native } from './natives.ts';
import { createSendQueue } from './send-queue.ts';

const retryMs = 100;
const none = -1;

export function createListener(listening: number, events: ChannelEvents): Channel {
  const input = native.inputBuffer();
  const queue = createSendQueue();
  let client = none;
  let paused = false;
  /** It has closed its sending side; it may still read. */
  let finished = false;
  let watched = 0;
  let cancelRetry: (() => void) | undefined;

  function accept(): void {
    cancelRetry?.();
    if (client !== none || listening === none) return;
    const fd = native.accept(listening);
    if (fd === -EAGAIN) return;
    // No descriptors or no memory left, or a client that has gone already: this passes, and no event would trigger another attempt.
    if (fd < 0) return void (cancelRetry = after(retryMs, accept));
    client = fd;
    finished = false;
    watched = 0;
    want();
  }

  function onEdge(): void {
    accept();
    // A client's first request has usually arrived already.
    if (watched & pollIn) read();
  }

  /** Level-triggered: the rest is reported again. */
  function want(): void {
    if (client === none) return;
    const wanted = (paused || finished ? 0 : pollIn) | (queue.queued() > 0 ? pollOut : 0);
    if (wanted === watched && wanted !== 0) return;
    watched = wanted;
    watch(client, wanted, onClient);
  }

  function onClient(reported: number): void {
    if (reported & pollOut) flush();
    if (reported & pollIn && !paused && !finished) read();
    // It cannot be answered any more, and no other event reports that while nothing is read.
    if (reported & (pollHangUp | pollError) && (paused || finished)) leave();
  }

  function read(): void {
    const count = native.receive(client);
    if (count > 0) return events.data(input.subarray(0, count));
    if (count === -EAGAIN) return;
    // ECONNRESET and the like are an end too, and no reply is due after one.
    if (count < 0) return leave();
    finished = true;
    leaveWhenDone();
    want();
  }

  function flush(): void {
    if (queue.flush(client) < 0) return leave();
    if (queue.queued() > 0) return;
    want();
    events.drained();
    leaveWhenDone();
  }

  function leaveWhenDone(): void {
    if (finished && queue.queued() === 0 && !events.owes?.()) leave();
  }

  function leave(): void {
    if (client === none) return;
    unwatch(client);
    native.close(client);
    client = none;
    watched = 0;
    queue.drop();
    events.clientChanged(false);
    accept();
  }

  // Edge-triggered: a client that comes while another is served waits in the backlog without an event, and is accepted when that one goes.
  check(watch(listening, pollIn | pollEdge, onEdge));
  return {
    send(pieces) {
      // A client that goes in the middle of a reply is reported by its end of file.
      if (client === none || queue.send(client, pieces) < 0) return;
      if (queue.queued() > 0) want();
      // The code that answers must not find the client gone in the middle of it.
      else if (finished) void Promise.resolve().then(leaveWhenDone);
    },
    queued: queue.queued,
    pause() {
      paused = true;
      want();
    },
    resume() {
      paused = false;
      want();
    },
    close() {
      const fd = listening;
      listening = none;
      cancelRetry?.();
      leave();
      unwatch(fd);
      native.close(fd);
    },
  };
}
