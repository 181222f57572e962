/** What the three kinds of worker share: runtime, poller settings, and an orderly end. */

import { DefaultLogger, Runtime } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';
import { isStillframeError, messageOf } from '../../model/errors.ts';

/** A worker polls with one connection while idle and up to four when busy: ten pollers on each of 2,000 queues are more than a server takes. */
export const pollers = { type: 'autoscaling', minimum: 1, initial: 1, maximum: 4 } as const;

/** The SDK's own lines go where ours go. Call it once, before anything else of the SDK. */
export function installRuntime(log: Log): void {
  const levels = { TRACE: 'info', DEBUG: 'info', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      // A host's worker has none on purpose: no workflow code runs on a hypervisor.
      if (message.startsWith('No workflows registered')) return;
      const error = (meta as { error?: unknown } | undefined)?.error;
      log(levels[level], error === undefined ? message : `${message}: ${messageOf(error)}`);
    }),
    // Core's own warnings go straight to standard error: forwarding them wakes an idle process ten times a second.
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'WARN' } } },
    // The end of a process is ours to order: windows first.
    shutdownSignals: [],
  });
}

const retryMs = 200;

/** A server that answers and accepts neither key nor certificate: somebody must act, and a worker waits for that as for a server. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/**
 * Tries until it succeeds. What is refused on purpose is final; a refused key is not: it may be exchanged while the worker waits, and
 * the end of a host's worker would end its warden, which guests may be owed a thaw by.
 */
export async function tryForever<T>(attempt: () => Promise<T>, failing: string, log: Log, signal: AbortSignal): Promise<T> {
  let saidRefused = false;
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (isStillframeError(error)) throw error;
      const isRefused = error instanceof RefusedError;
      if (isRefused && !saidRefused) log('error', `${messageOf(error)}; trying again until it succeeds`);
      saidRefused ||= isRefused;
      if (!saidRefused && tries === sayAfter) log('warn', `${failing} (${messageOf(error)}); trying again until it succeeds`);
      await delay(retryMs, undefined, { signal });
    }
  }
}

/** A server that is being started beside us needs a second or two; that is not worth a line. */
const sayAfter = 20;

/** Reports to the parent over IPC, where there is one. */
export function tellReady(): void {
  process.send?.({ kind: 'ready' });
}

/** Fires at SIGTERM, SIGINT, and when the parent that holds our IPC channel is gone. */
export function endSignal(): AbortSignal {
  const ending = new AbortController();
  const end = () => ending.abort();
  process.on('SIGTERM', end).on('SIGINT', end);
  if (process.channel) process.once('disconnect', end);
  return ending.signal;
}
