/** Tells the host's entity workflow which guests this host has, whenever that changes. */

import { WithStartWorkflowOperation, type Client } from '@temporalio/client';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { HostConfig } from '../../host/config.ts';
import type { Driver } from '../../host/drivers/driver.ts';
import type { Log } from '../../lib/log.ts';
import { messageOf, StillframeError } from '../../model/errors.ts';
import type { WorkflowOf } from '../../model/workflows/contract.ts';
import { hostEntity, type Inventory } from '../../model/workflows/host-entity.ts';

/** Guests come and go by the minute, not by the second; each look asks every QEMU one question. */
const lookMs = 30_000;
/** After a failure, mostly a server that is just away. */
const retryMs = 2_000;

/** Runs until `signal`. @throws host-id-taken when another machine has this host's id: two would thaw and freeze each other's guests */
export async function announceForever(parts: {
  client: Client;
  driver: Driver;
  config: HostConfig;
  signal: AbortSignal;
  log: Log;
}): Promise<void> {
  const { client, driver, config, signal, log } = parts;
  const machineId = await thisMachine();
  let known: Omit<Inventory, 'announcedAt'> | undefined;
  while (!signal.aborted) {
    let waitMs = lookMs;
    try {
      const found = {
        host: config.host,
        machineId,
        guests: await driver.inventory(),
        repositories: Object.keys(config.repositories),
        snapshots: Object.keys(config.snapshots),
      };
      if (!isDeepStrictEqual(found, known)) {
        await announce(client, { ...found, announcedAt: new Date().toISOString() });
        known = found;
      }
    } catch (error) {
      const taken = refusal(error);
      if (taken) throw taken;
      log('warn', `could not announce this host yet: ${messageOf(error)}`);
      waitMs = retryMs;
    }
    await delay(waitMs, undefined, { signal }).catch(() => {});
  }
}

/** machine-id(5); a container may lack one, and then its name is what tells it from others. */
async function thisMachine(): Promise<string> {
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return id.trim() || `hostname ${hostname()}`;
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

function refusal(error: unknown): StillframeError | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as { type?: string }).type === 'host-id-taken') return new StillframeError('host-id-taken', cause.message);
  }
  return null;
}
