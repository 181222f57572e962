/** The monitor of a guest: QMP commands by id, events in order. */

import type { Socket } from 'node:net';
import { withDeadline } from '../../lib/deadline.ts';
import { StillframeError } from '../../model/errors.ts';
import type { Json } from '../../protocol/json.ts';
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
/** No command of ours waits for a disk; a transaction over four disks of 2 TiB took 153 ms. */
const commandMs = 20_000;

/** @throws monitor-unreachable, monitor-held, monitor-timed-out, monitor-garbled */
export async function openMonitor({ path, timeoutMs = greetingMs }: { path: string; timeoutMs?: number }): Promise<Monitor> {
  const before = await clientsOf(path);
  const socket = await connectSocket(path, 'the monitor', 'monitor-unreachable');
  const link = createLink(socket, path);
  try {
    await link.greeted(timeoutMs);
    await link.monitor.execute('qmp_capabilities', undefined, { timeoutMs });
    return link.monitor;
  } catch (error) {
    // Looked up before our own connection goes: it is one of the two that tell the difference.
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

type Waiter = PromiseWithResolvers<Json>;

function createLink(socket: Socket, path: string) {
  const stream = createJsonStream({ ...qemuLimits, maxBytes: maxMessageBytes });
  const waiters = new Map<number, Waiter & { command: string }>();
  const listeners = new Set<(event: MonitorEvent) => void>();
  const unheard: MonitorEvent[] = [];
  const greeting = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let lastId = 0;
  let over: StillframeError | undefined;

  socket.on('data', (bytes) => {
    for (const event of stream.push(bytes)) hear(event.kind === 'value' ? parseMonitorMessage(event.value) : undefined);
  });
  socket.on('error', (error) => end(lost(error.message)));
  socket.on('close', () => end(lost('QEMU closed it')));
  greeting.promise.catch(() => {});

  const lost = (why: string) =>
    new StillframeError('monitor-closed', `the monitor ${path} is gone (${why}); what the last command did is not known`, {
      path,
    });

  function end(error: StillframeError): void {
    if (over) return;
    over = error;
    socket.destroy();
    greeting.reject(error);
    for (const waiter of waiters.values()) waiter.reject(error);
    waiters.clear();
    closed.resolve();
  }

  function hear(message: MonitorMessage | undefined): void {
    if (!message || message.kind === 'unreadable') {
      return end(
        new StillframeError(
          'monitor-garbled',
          `the monitor ${path} ${message ? `could not read us: ${message.desc}` : 'sent something that is no QMP'}`,
          { path },
        ),
      );
    }
    if (message.kind === 'greeting') return greeting.resolve();
    if (message.kind === 'event') return tell({ name: message.name, data: message.data });
    const waiter = waiters.get(message.id);
    waiters.delete(message.id);
    if (message.kind === 'return') waiter?.resolve(message.value);
    else waiter?.reject(refused(waiter.command, message.class, message.desc));
  }

  /** Events of before the first listener are kept for it: the handshake and its first question take a moment. */
  function tell(event: MonitorEvent): void {
    if (listeners.size === 0) unheard.push(event);
    for (const listener of listeners) listener(event);
  }

  const monitor: Monitor = {
    closed: closed.promise,
    close: () => end(lost('we closed it')),
    onEvent(listener) {
      listeners.add(listener);
      unheard.splice(0).forEach(listener);
    },
    async execute(command, args, { timeoutMs = commandMs } = {}) {
      if (over) throw over;
      const id = ++lastId;
      const waiter = { ...Promise.withResolvers<Json>(), command };
      waiters.set(id, waiter);
      socket.write(encodeMonitorCommand(command, args, id));
      try {
        return await withDeadline(waiter.promise, timeoutMs, () => timedOut(command, timeoutMs));
      } finally {
        waiters.delete(id);
      }
    },
  };

  const timedOut = (what: string, timeoutMs: number) =>
    new StillframeError('monitor-timed-out', `the monitor ${path} did not answer ${what} within ${timeoutMs} ms`, {
      path,
      timeoutMs,
    });

  return {
    monitor,
    greeted: (timeoutMs: number) => withDeadline(greeting.promise, timeoutMs, () => timedOut('at all', timeoutMs)),
  };
}

function refused(command: string, errorClass: string, desc: string): StillframeError {
  return new StillframeError('monitor-refused', `QEMU refused ${command}: ${desc}`, { command, class: errorClass, desc });
}
