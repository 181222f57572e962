/** hostEntity against a real server: it keeps what its host announced, and refuses another machine under the same id. */

import { WithStartWorkflowOperation } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, handleOf } from '../../client/workflows.ts';
import type { WorkflowOf } from '../../model/workflows/contract.ts';
import { hostEntity, type Inventory } from '../../model/workflows/host-entity.ts';
import { failureOf, newIds, openStage, type Stage } from './stage.ts';
import { hostId } from '../../model/ids.ts';

let stage: Stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

const inventoryOf = (host: string, over: Partial<Inventory> = {}): Inventory => ({
  host: hostId(host),
  machineId: 'a'.repeat(32),
  guests: [],
  repositories: ['main'],
  snapshots: [],
  announcedAt: '2026-01-01T02:00:00.000Z',
  ...over,
});

/** As a host worker does it. */
const announce = (inventory: Inventory) =>
  stage.client.workflow.executeUpdateWithStart(hostEntity.updates.announce.name, {
    args: [inventory],
    startWorkflowOperation: new WithStartWorkflowOperation<WorkflowOf<typeof hostEntity>>(hostEntity.type, {
      workflowId: hostEntity.id(inventory),
      taskQueue: hostEntity.queue,
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [],
    }),
  });
const known = (host: string) => ask(handleOf(stage.client, hostEntity, { host: hostId(host) }), hostEntity.queries.inventory);

describe('hostEntity', { concurrency: true }, () => {
  it('answers with the newest announcement', async () => {
    const { host } = newIds();
    await announce(inventoryOf(host));
    const next = inventoryOf(host, { repositories: ['main', 'offsite'] });
    await announce(next);
    assert.deepEqual(await known(host), next);
  });

  it('refuses a second machine, names both, and keeps what the first announced', async () => {
    const { host } = newIds();
    await announce(inventoryOf(host));
    const failure = await failureOf(announce(inventoryOf(host, { machineId: 'b'.repeat(32), repositories: [] })));
    assert.equal(failure.type, 'host-id-taken');
    assert.match(failure.message, /aaaa.*bbbb.*id of its own/);
    assert.deepEqual(await known(host), inventoryOf(host));
  });

  it('starts a new run before its history grows long, and knows the host in it', async () => {
    const { host } = newIds();
    await announce(inventoryOf(host));
    const handle = handleOf(stage.client, hostEntity, { host: hostId(host) });
    const { runId } = await handle.describe();
    let announcements = 0;
    while ((await handle.describe()).runId === runId) {
      await announce(inventoryOf(host));
      assert.ok(++announcements < 1_000, 'still the first run');
    }
    assert.deepEqual(await known(host), inventoryOf(host));
    const first = await handleOf(stage.client, hostEntity, { host: hostId(host) }, runId).fetchHistory();
    assert.ok(first.events!.length < 2_000, `${first.events!.length} events`);
  });
});

it('every history of these hosts replays and stays below 2,000 events', async () => {
  assert.ok((await stage.replayAll()) >= 3);
});
