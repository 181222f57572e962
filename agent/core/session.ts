/** Answers what arrives on one channel in order, one request at a time; bounded whatever the client does. */

import { isJsonObject, type Json } from '../../protocol/json.ts';
import { createJsonStream, type JsonEvent } from '../../protocol/json-stream.ts';
import type { Agent } from './command.ts';
import { dispatch } from './dispatch.ts';
import type { Channel, Piece } from './platform.ts';
import { errorReply } from './reply.ts';

export interface Session {
  data(bytes: Uint8Array): void;
  clientChanged(mayBeNext: boolean): void;
  drained(): void;
  owes(): boolean;
}

/**
 * Requests are bounded at twice what libvirt can carry in one string (4 MiB, VIR_NET_MESSAGE_STRING_MAX); qemu-ga takes 64 MiB,
 * and 200 MB of the guest's memory with them. Depth and tokens are qemu-ga's.
 */
export const requestLimits = { maxBytes: 8 * 2 ** 20, maxDepth: 1024, maxTokens: 2 ** 18 };

/** Replies that may wait for a slow reader before the session stops reading from it. */
const mostQueuedBytes = 2 ** 20;

/** Bytes of requests that may wait behind a slow one before the session stops reading: thousands of small ones. */
const mostWaitingBytes = 256 * 1024;

/** Replies of this size are sent before the next request is answered: a reply can be a hundred times as long as its request. */
const enoughText = 64 * 1024;

/**
 * A client that sends a sync behind a command that does not return has given that command up: libvirt does so after five
 * seconds, on the same connection. The sync waits this long for its turn; then it is answered, and the late reply is dropped.
 */
const syncPatienceMs = 1_000;

export function createSession(agent: Agent, channel: () => Channel): Session {
  const { clock, bytes: codec } = agent.platform;
  const stream = createJsonStream(requestLimits, codec);
  let waiting: JsonEvent[] = [];
  let next = 0;
  /** Received since the last time that nothing waited. */
  let waitingBytes = 0;
  /** The command that has not answered yet; a new object for each. */
  let running: object | undefined;
  let cancelPatience: (() => void) | undefined;
  let paused = false;
  let text = '';
  let pieces: Piece[] = [];

  function say(answer: readonly Piece[]): void {
    for (const piece of answer) {
      if (typeof piece === 'string') text += piece;
      else {
        pieces.push(text, piece);
        text = '';
      }
    }
  }

  /** Sends all replies of one turn together. */
  function send(): void {
    if (text === '' && pieces.length === 0) return;
    const all = pieces;
    if (text !== '') all.push(text);
    pieces = [];
    text = '';
    channel().send(all);
  }

  function advance(): void {
    while (!running && next < waiting.length && channel().queued() < mostQueuedBytes) {
      const event = waiting[next++]!;
      if (event.kind === 'error') say([errorReply({ class: 'GenericError', desc: event.message }, undefined)]);
      else take(event.value);
      if (pieces.length > 0 || text.length > enoughText) send();
    }
    if (next === waiting.length) forgetWaiting();
  }

  function forgetWaiting(): void {
    waiting = [];
    next = 0;
    waitingBytes = 0;
  }

  function work(): void {
    advance();
    send();
    const full = waitingBytes > mostWaitingBytes || channel().queued() >= mostQueuedBytes;
    if (full !== paused) {
      paused = full;
      if (full) channel().pause();
      else channel().resume();
    }
    if (running && !cancelPatience && waiting.slice(next).some((event) => isSync(agent, event))) awaitSync(running);
  }

  function take(message: Json): void {
    const answer = dispatch(agent, message);
    if (!(answer instanceof Promise)) return say(answer);
    const mine = {};
    running = mine;
    void answer.then((late) => {
      if (running !== mine) return;
      forgetRunning();
      say(late);
      work();
    });
  }

  function forgetRunning(): void {
    running = undefined;
    cancelPatience?.();
    cancelPatience = undefined;
  }

  function awaitSync(late: object): void {
    cancelPatience = clock.after(syncPatienceMs, () => {
      cancelPatience = undefined;
      if (running !== late) return;
      agent.log.note('warning', 'a client has given up a command that is still running: its reply will be dropped');
      forgetRunning();
      work();
    });
  }

  return {
    data(chunk) {
      waitingBytes += chunk.length;
      for (const event of stream.push(chunk)) {
        // The byte 0xFF begins a new conversation: replies that are still due to an earlier client are dropped.
        if (event.kind === 'error' && event.flushes) {
          advance();
          forgetRunning();
          forgetWaiting();
        }
        waiting.push(event);
      }
      work();
    },
    clientChanged(mayBeNext) {
      stream.reset();
      if (mayBeNext) return;
      forgetRunning();
      forgetWaiting();
      pieces = [];
      text = '';
      if (paused) {
        paused = false;
        channel().resume();
      }
    },
    drained: work,
    owes: () => running !== undefined || next < waiting.length,
  };
}

function isSync({ commands }: Agent, event: JsonEvent): boolean {
  const execute = event.kind === 'value' && isJsonObject(event.value) && event.value.execute;
  return typeof execute === 'string' && commands.get(execute)?.syncs === true;
}
