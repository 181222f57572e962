/** One worker for one host id: finds the others that serve a host's urgent queue, and refuses to serve beside a living one. */

import type { Client } from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { isAlive, type ProcessName } from '../../lib/process.ts';
import { StillframeError } from '../../model/errors.ts';
import { hostQueues, type HostId } from '../../model/ids.ts';
import { pollerIdentity, readPollerIdentity } from './poller-identity.ts';

export interface Rivals {
  /** Before anything is polled or announced: returns when no other worker serves this host. @throws host-id-served */
  demandNone(): Promise<void>;
  /**
   * While this worker serves: returns when its own poll stands at the server and no older worker serves this host, so that of
   * two that began at once the younger gives way. @throws host-id-served
   */
  demandNoOlder(): Promise<void>;
}

/**
 * A process that cannot be looked up from here has this long to show that it lives. The server sends a long poll back after
 * a minute at most (55 s measured), a living worker polls again at once, and pollers of dead ones stay listed for five minutes.
 */
const renewalMs = 75_000;
const renewalLookMs = 1_000;
/** A poll stands within 50 ms of its worker's start. */
const ownLookMs = 50;
/** temporal.api.enums.v1.TaskQueueType */
const activityQueue = 2;

interface Poller {
  identity: string;
  /** Null of a poller that is not named as this version names them. */
  process: ProcessName | null;
  /** The server's time of its last poll, for comparing with itself only. */
  polledAt: string;
}

export function watchRivals(parts: { client: Client; host: HostId; self: ProcessName; signal: AbortSignal; log: Log }): Rivals {
  const { client, host, self, signal, log } = parts;
  const taskQueue = hostQueues(host).urgent;
  const own = pollerIdentity(taskQueue, self);
  const firstSeen = new Map<string, { polledAt: string; ms: number }>();

  async function pollers(): Promise<Poller[]> {
    const answer = await client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: activityQueue,
    });
    return answer.pollers.map(({ identity, lastAccessTime }) => ({
      identity: identity!,
      process: readPollerIdentity(identity!),
      polledAt: `${String(lastAccessTime!.seconds)}.${lastAccessTime!.nanos}`,
    }));
  }

  /** Null while it is not known. */
  function lives({ identity, process, polledAt }: Poller): boolean | null {
    const known = process && isAlive(process);
    if (known !== null) return known;
    const first = firstSeen.get(identity) ?? { polledAt, ms: monotonicMs() };
    firstSeen.set(identity, first);
    if (first.polledAt !== polledAt) return true;
    return monotonicMs() - first.ms > renewalMs ? false : null;
  }

  function refuse({ identity, process }: Poller): never {
    throw new StillframeError(
      'host-id-served',
      `host id ${host} is served by ${process ? described(process) : `the worker ${JSON.stringify(identity)}`}: end that one first, or give this host an id of its own ("host" in its file)`,
      process ? { host, pid: process.pid, user: process.user, machine: process.machine } : { host },
    );
  }

  return {
    async demandNone() {
      for (let reported = false; ;) {
        const states = (await pollers()).filter(({ identity }) => identity !== own).map((each) => ({ each, alive: lives(each) }));
        const living = states.find(({ alive }) => alive === true);
        if (living) refuse(living.each);
        const unknown = states.find(({ alive }) => alive === null);
        if (!unknown) return;
        if (!reported)
          log('info', `waiting to learn whether another worker still serves this host: ${JSON.stringify(unknown.each.identity)}`);
        reported = true;
        await delay(renewalLookMs, undefined, { signal });
      }
    },

    async demandNoOlder() {
      let all = await pollers();
      while (!all.some(({ identity }) => identity === own)) {
        await delay(ownLookMs, undefined, { signal });
        all = await pollers();
      }
      const older = all.find((each) => isOlder(each.process, self) && lives(each) === true);
      if (older) refuse(older);
    },
  };
}

/** A total order, the same for both who compare; one that does not say its age came from a version before this one. */
function isOlder(other: ProcessName | null, self: ProcessName): boolean {
  if (other === null || other.since < self.since) return true;
  return other.since === self.since && pollerIdentity('', other) < pollerIdentity('', self);
}

function described({ pid, user, hostname, machine }: ProcessName): string {
  return `process ${pid} of user ${user} on ${hostname} (machine ${machine})`;
}
