/** A listening socket that serves one client at a time; the next waits in the backlog until the first has gone. */

import type { Channel, ChannelEvents } from '../../core/platform.ts';
import { pollError, pollHangUp, pollIn, pollOut, unwatch, watch } from './loop.ts';
import { checked, failure, native } from './natives.ts';
import { createSendQueue } from './send-queue.ts';

/** What the next client brings on, or what a client's going away looks like: nothing that ends the channel. */
const tryAgain = -11;
const connectionAborted = -103;
const none = -1;

export function createListener(listening: number, events: ChannelEvents): Channel {
  const input = native.inputBuffer();
  const queue = createSendQueue();
  let client = none;
  let paused = false;
  /** It has said that it sends nothing more; it may still read. */
  let finished = false;
  let watched = 0;

  function wait(): void {
    checked(watch(listening, pollIn, accept));
  }

  function accept(): void {
    const fd = native.accept(listening);
    if (fd === tryAgain || fd === connectionAborted) return;
    if (fd < 0) return events.failed(failure(-fd));
    unwatch(listening);
    client = fd;
    finished = false;
    watched = 0;
    want();
    // A client's first request is most often there already.
    if (!paused) read();
  }

  /** Level-triggered: what is left is told again. */
  function want(): void {
    if (client === none) return;
    const wanted = (paused || finished ? 0 : pollIn) | (queue.queued() > 0 ? pollOut : 0);
    if (wanted === watched && wanted !== 0) return;
    watched = wanted;
    watch(client, wanted, onClient);
  }

  function onClient(told: number): void {
    if (told & pollOut) flush();
    if (told & pollIn && !paused && !finished) read();
    // It cannot be answered any more, and while we do not read nothing else tells.
    else if (told & (pollHangUp | pollError)) leave();
    else if (finished && queue.queued() === 0) leave();
  }

  function read(): void {
    const count = native.receive(client);
    if (count > 0) return events.data(input.subarray(0, count));
    if (count === tryAgain) return;
    // ECONNRESET and the like are an end too.
    finished = true;
    if (count === 0 && queue.queued() > 0) want();
    else leave();
  }

  function flush(): void {
    if (queue.flush(client) < 0) return leave();
    if (queue.queued() > 0) return;
    want();
    events.drained();
  }

  function leave(): void {
    if (client === none) return;
    unwatch(client);
    native.close(client);
    client = none;
    queue.drop();
    events.clientChanged();
    if (listening !== none) wait();
  }

  wait();
  return {
    send(pieces) {
      // A client that goes in the middle of an answer is told by its end of file.
      if (client === none || queue.send(client, pieces) < 0) return;
      if (queue.queued() > 0) want();
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
      leave();
      unwatch(fd);
      native.close(fd);
    },
  };
}
