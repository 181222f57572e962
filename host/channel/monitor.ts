/** The monitor of a guest: QMP commands by id, events in order. */

import type { Socket } from 'node:net';
import { monotonicMs } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { escapeError } from '../../lib/escape.ts';
import { StillframeError } from '../../model/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import { createJsonStream, qemuLimits } from '../../protocol/json-stream.ts';
import {
  encodeMonitorCommand,
  maxMessageBytes,
  parseMonitorMessage,
  type MonitorMessage,
} from '../../protocol/monitor/message.ts';
import { connectSocket } from './connect.ts';
import { clientsOf, isHeldByAnother } from './holder.ts';
import type { Monitor, MonitorEvent } from './types.ts';

/** QEMU greets when it accepts; a main loop that takes longer hangs. */
const greetingMs = 5_000;
/** None of our commands waits for a disk; a transaction over four disks of 2 TiB took 153 ms. */
const commandMs = 20_000;

/** QEMU limits each kind of frequent event to one a second (qapi, event rate limits); a job has a handful. */
const mostEventsAMinute = 6_000;
const minuteMs = 60_000;

/**
 * `greeting`: connected, and nothing may be sent before QEMU's greeting; a client in the backlog waits here for as long as another
 * is served. `negotiating`: greeted; QEMU takes nothing but the capabilities. `open`: any number of commands is out, each under an
 * id of its own, and their replies come in any order among the events. `closed`: for ever, with the error that every command that
 * is out, or comes later, fails with. Each state leads to the next one or to `closed`. A command that times out leaves `open` as it
 * is: its reply, should it come, is known by its id and dropped.
 */
type State = 'greeting' | 'negotiating' | 'open' | 'closed';

export interface MonitorOptions {
  path: string;
  /** Milliseconds until QEMU must have greeted, and as long again for its reply to the handshake. */
  timeoutMs?: number;
  /** Reports replies that no command waits for. */
  log?: Log;
}

/** @throws monitor-unreachable, monitor-held, monitor-timed-out, monitor-garbled */
export async function openMonitor({ path, timeoutMs = greetingMs, log = () => {} }: MonitorOptions): Promise<Monitor> {
  const before = await clientsOf(path);
  const socket = await connectSocket(path, 'the monitor', 'monitor-unreachable');
  const link = createLink(socket, path, log);
  try {
    await link.negotiate(timeoutMs);
    return link.monitor;
  } catch (error) {
    // Looked up while our own connection is open: the difference is between that one and the other.
    const held = error instanceof StillframeError && error.code === 'monitor-timed-out' && (await isHeldByAnother(path, before));
    link.monitor.close();
    if (!held) throw error;
    throw new StillframeError(
      'monitor-held',
      `another program holds the monitor ${path}: QEMU serves one client at a time; end it, or give Stillframe a monitor of its own (-qmp)`,
      { path },
    );
  }
}

interface Waiter extends PromiseWithResolvers<Json> {
  command: string;
}

type Reply = Extract<MonitorMessage, { id: number }>;

function createLink(socket: Socket, path: string, log: Log) {
  const stream = createJsonStream({ ...qemuLimits, maxBytes: maxMessageBytes });
  const waiters = new Map<number, Waiter>();
  const listeners = new Set<(event: MonitorEvent) => void>();
  /** Events of before the first listener are kept for it: the handshake and its first question take a moment. */
  let unheard: MonitorEvent[] | undefined = [];
  const greeting = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let state: State = 'greeting';
  let closedBy: StillframeError | undefined;
  let lastId = 0;
  let minute = { sinceMs: monotonicMs(), events: 0 };

  socket.on('data', (bytes) => {
    for (const event of stream.push(bytes)) receive(event.kind === 'value' ? parseMonitorMessage(event.value) : undefined);
  });
  socket.on('error', (error) => end(lost(error.message)));
  socket.on('close', () => end(lost('QEMU closed it')));
  greeting.promise.catch(() => {});

  const lost = (why: string) =>
    new StillframeError('monitor-closed', `the monitor ${path} is gone (${why}); what the last command did is not known`, {
      path,
    });
  const garbled = (what: string) => new StillframeError('monitor-garbled', `the monitor ${path} ${what}`, { path });
  const timedOut = (what: string, timeoutMs: number) =>
    new StillframeError('monitor-timed-out', `the monitor ${path} did not answer ${what} within ${timeoutMs} ms`, {
      path,
      timeoutMs,
    });

  function end(error: StillframeError): void {
    if (state === 'closed') return;
    state = 'closed';
    closedBy = error;
    socket.destroy();
    greeting.reject(error);
    for (const waiter of waiters.values()) waiter.reject(error);
    waiters.clear();
    closed.resolve();
  }

  function receive(message: MonitorMessage | undefined): void {
    if (!message) return end(garbled('sent data that is not QMP'));
    if (message.kind === 'unreadable') return end(garbled(`could not read us: ${escapeError(message.desc)}`));
    if (message.kind === 'event') return passOn({ name: message.name, data: message.data });
    if (message.kind !== 'greeting') return answer(message);
    if (state !== 'greeting') return end(garbled('greeted a second time'));
    state = 'negotiating';
    greeting.resolve();
  }

  function answer(reply: Reply): void {
    const waiter = waiters.get(reply.id);
    waiters.delete(reply.id);
    if (!waiter) reportUnknown(reply);
    else if (reply.kind === 'return') waiter.resolve(reply.value);
    else waiter.reject(refused(waiter.command, reply.class, reply.desc));
  }

  /** The specification has clients drop such replies (qmp-spec, "Commands Responses"): usually one of our commands had timed out. */
  function reportUnknown(reply: Reply): void {
    const how = reply.kind === 'return' ? 'with success' : `with "${escapeError(reply.desc)}"`;
    log('warn', `the monitor ${path} answered command ${reply.id} ${how}, and no command waits for that reply: dropped`, {
      path,
    });
  }

  function passOn(event: MonitorEvent): void {
    if (state === 'closed') return;
    if (monotonicMs() - minute.sinceMs > minuteMs) minute = { sinceMs: monotonicMs(), events: 0 };
    // So many are kept for the first listener at most, too.
    if (++minute.events > mostEventsAMinute) return end(garbled(`sent more than ${mostEventsAMinute} events within a minute`));
    unheard?.push(event);
    for (const listener of listeners) listener(event);
  }

  async function send(command: string, args: JsonObject | undefined, timeoutMs: number): Promise<Json> {
    if (closedBy) throw closedBy;
    const id = ++lastId;
    const waiter: Waiter = { ...Promise.withResolvers<Json>(), command };
    waiters.set(id, waiter);
    socket.write(encodeMonitorCommand(command, args, id));
    try {
      return await withDeadline(waiter.promise, timeoutMs, () => timedOut(command, timeoutMs));
    } finally {
      waiters.delete(id);
    }
  }

  const monitor: Monitor = {
    closed: closed.promise,
    close: () => end(lost('we closed it')),
    onEvent(listener) {
      listeners.add(listener);
      unheard?.forEach(listener);
      unheard = undefined;
      return () => void listeners.delete(listener);
    },
    execute: (command, args, { timeoutMs = commandMs } = {}) => send(command, args, timeoutMs),
  };

  return {
    monitor,
    async negotiate(timeoutMs: number): Promise<void> {
      await withDeadline(greeting.promise, timeoutMs, () => timedOut('at all', timeoutMs));
      await send('qmp_capabilities', undefined, timeoutMs);
      state = 'open';
    },
  };
}

function refused(command: string, errorClass: string, said: string): StillframeError {
  const desc = escapeError(said);
  return new StillframeError('monitor-refused', `QEMU refused ${command}: ${desc}`, {
    command,
    class: escapeError(errorClass),
    desc,
  });
}
