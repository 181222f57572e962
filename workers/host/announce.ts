/** Announces this host's guests to its entity workflow whenever the workflow holds something else. */

import { WithStartWorkflowOperation, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { refusal } from '../../client/connection.ts';
import type { HostConfig } from '../../host/config.ts';
import type { Driver } from '../../host/drivers/driver.ts';
import type { Sweep } from '../../host/window/sweep.ts';
import { monotonicMs } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { escapeError } from '../../lib/escape.ts';
import { machineId } from '../../lib/process.ts';
import { isStillframeError, messageOf, StillframeError } from '../../model/errors.ts';
import type { GuestListing } from '../../model/guest/listing.ts';
import type { HostId } from '../../model/ids.ts';
import type { WorkflowOf } from '../../model/workflows/contract.ts';
import { hostEntity, type Inventory } from '../../model/workflows/host-entity.ts';
import type { Rivals } from './rivals.ts';

/**
 * Guests come and go by the minute, not by the second; each look asks every QEMU one question. The first looks follow closely,
 * each after twice the time: an older worker that began at the same moment may show at the server only after this one has.
 */
const lookMs = { first: 1_000, longest: 30_000 };
/**
 * Until then what the server says of another worker, or of another machine with this id, ends this worker: two that began at one moment find each other
 * by it. A worker that has served for longer stays, whatever somebody at the server says: its end would cost the guests of this host.
 */
const provisionalMs = 30_000;
/** After a failure, mostly a server that is just away. */
const retryMs = 2_000;

/** A workflow answers a query in milliseconds when a control worker runs, and never without one. */
const queryMs = 5_000;

/**
 * Runs until `signal`.
 * @throws soon after the start: host-id-taken when another machine has this host's id, host-id-served when an older worker serves it: two would thaw
 * and freeze each other's guests
 */
export async function announceForever(parts: {
  client: Client;
  driver: Driver;
  sweep: Pick<Sweep, 'strayOf'>;
  config: HostConfig;
  rivals: Rivals;
  signal: AbortSignal;
  log: Log;
}): Promise<void> {
  const { client, driver, sweep, config, rivals, signal, log } = parts;
  let said = '';
  let betweenMs = lookMs.first;
  const startedMs = monotonicMs();
  while (!signal.aborted) {
    let waitMs = betweenMs;
    try {
      await rivals.demandNoOlder();
      const found = {
        host: config.host,
        machineId: machineId(),
        guests: (await driver.inventory()).map((listing) => withFreeze(listing, sweep)),
        repositories: Object.keys(config.repositories),
        snapshots: Object.keys(config.snapshots),
      };
      if (!isDeepStrictEqual(found, await announced(client, config.host))) {
        await announce(client, { ...found, announcedAt: new Date().toISOString() });
      }
      betweenMs = Math.min(betweenMs * 2, lookMs.longest);
    } catch (error) {
      if (signal.aborted) return;
      const taken = anotherHost(error);
      if (taken && monotonicMs() - startedMs < provisionalMs) throw taken;
      const refused = refusal(error);
      const text =
        refused === undefined
          ? `could not announce this host yet: ${messageOf(taken ?? error)}`
          : `the Temporal server no longer accepts the key or certificate of this worker (${escapeError(refused)}): give it a new one in the profile or its files; windows that are open end by their leases`;
      // Once: a control worker that is away for an hour is one event.
      if (text !== said) log('warn', text);
      said = text;
      waitMs = retryMs;
    }
    await delay(waitMs, undefined, { signal }).catch(() => {});
  }
}

function withFreeze(listing: GuestListing, sweep: Pick<Sweep, 'strayOf'>): GuestListing {
  const stray = listing.id && sweep.strayOf(listing.id);
  return stray ? { ...listing, strayFoundAt: stray.foundAt } : listing;
}

/** What the fleet believes now, by whomever; undefined when no announcement is held. */
async function announced(client: Client, host: HostId): Promise<Omit<Inventory, 'announcedAt'> | undefined> {
  try {
    const ask = () =>
      client.workflow.getHandle(hostEntity.id({ host })).query<Inventory | null>(hostEntity.queries.inventory.name);
    const inventory = await client.connection.withDeadline(Date.now() + queryMs, ask);
    if (inventory === null) return undefined;
    const { announcedAt: _, ...known } = inventory;
    return known;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function announce(client: Client, inventory: Inventory): Promise<void> {
  const startWorkflowOperation = new WithStartWorkflowOperation<WorkflowOf<typeof hostEntity>>(hostEntity.type, {
    workflowId: hostEntity.id(inventory),
    taskQueue: hostEntity.queue,
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [],
    staticSummary: `host ${inventory.host}`,
  });
  await client.workflow.executeUpdateWithStart(hostEntity.updates.announce.name, { args: [inventory], startWorkflowOperation });
}

function anotherHost(error: unknown): StillframeError | null {
  if (isStillframeError(error, 'host-id-served')) return error;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as { type?: string }).type === 'host-id-taken') return new StillframeError('host-id-taken', cause.message);
  }
  return null;
}
