/** Messages of the host entity and of the guardian are requests too: a wrong one is refused, and breaks nothing. */

import { WithStartWorkflowOperation } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { findHosts } from '../../client/hosts.ts';
import { ask, handleOf } from '../../client/workflows.ts';
import { hostId } from '../../model/ids.ts';
import { hostEntity, type Inventory } from '../../model/workflows/host-entity.ts';
import { thawGuardian } from '../../model/workflows/thaw-guardian.ts';
import { newIds, openStage, type Stage } from './stage.ts';

let stage: Stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

const inventoryOf = (host: string): Inventory => ({
  host: hostId(host),
  machineId: 'a'.repeat(32),
  guests: [],
  repositories: ['main'],
  snapshots: [],
  announcedAt: '2026-01-01T02:00:00.000Z',
});

function update(type: string, workflowId: string, taskQueue: string, name: string, argument: unknown, state: unknown[] = []) {
  const workflowIdConflictPolicy = 'USE_EXISTING' as const;
  return stage.client.workflow.executeUpdateWithStart(name, {
    args: [argument],
    startWorkflowOperation: new WithStartWorkflowOperation(type, {
      workflowId,
      taskQueue,
      workflowIdConflictPolicy,
      args: state,
    }),
  });
}

const announce = (host: string, inventory: unknown, state?: unknown[]) =>
  update(hostEntity.type, `host/${host}`, hostEntity.queue, hostEntity.updates.announce.name, inventory, state);
const arm = (guest: string, given: unknown, state?: unknown[]) =>
  update(thawGuardian.type, `guardian/${guest}`, thawGuardian.queue, thawGuardian.updates.arm.name, given, state);

const refused = (error: unknown) => /is refused: /.test(String((error as Error).cause ?? error));

for (const [what, hostile] of [
  ['nothing', () => undefined],
  ['text', () => 'x'],
  ['guests that are no list', (host: string) => ({ ...inventoryOf(host), guests: 7 })],
  ['another host', () => inventoryOf('another')],
] as const) {
  it(`an announcement of ${what} is refused, the next good one is taken, and the fleet can be listed`, async () => {
    const { host } = newIds();
    await assert.rejects(announce(host, hostile(host)), refused);
    await announce(host, inventoryOf(host));
    const { client } = stage;
    const hosts = await findHosts({ client });
    assert.ok(hosts.some((each) => each.host === host));
    await client.workflow.getHandle(`host/${host}`).terminate();
  });
}

for (const [what, over] of [
  ['null', null],
  ['a host that is no id', { host: '../../x y' }],
  ['another guest', { guest: 'someone-else' }],
  ['a lease of text', { leaseMs: 'x' }],
] as const) {
  it(`an arm of ${what} is refused`, async () => {
    const { backup, guest, host } = newIds();
    const given = over === null ? null : { backup, attempt: 1, guest, host, leaseMs: 60_000, ...over };
    await assert.rejects(arm(guest, given), refused);
    await stage.client.workflow.getHandle(`guardian/${guest}`).terminate();
  });
}

for (const [what, signalled] of [
  ['nothing', []],
  ['null', [null]],
] as const) {
  it(`a disarm of ${what} is dropped, and the guardian keeps its watch`, async () => {
    const { backup, guest, host } = newIds();
    const watch = { backup, attempt: 1, guest, host, leaseMs: 60_000 };
    await arm(guest, watch);
    const handle = stage.client.workflow.getHandle(`guardian/${guest}`);
    await handle.signal(thawGuardian.signals.disarm.name, ...signalled);
    assert.deepEqual(await ask(handleOf(stage.client, thawGuardian, { guest }), thawGuardian.queries.armed), [watch]);
    await handle.terminate();
  });
}

it('an entity and a guardian that somebody started with something else begin with nothing, and work', async () => {
  const { backup, guest, host } = newIds();
  await announce(host, inventoryOf(host), [7]);
  assert.deepEqual(await ask(handleOf(stage.client, hostEntity, { host }), hostEntity.queries.inventory), inventoryOf(host));
  const watch = { backup, attempt: 1, guest, host, leaseMs: 60_000 };
  await arm(guest, watch, [{ watches: 7, reports: 7 }]);
  assert.deepEqual(await ask(handleOf(stage.client, thawGuardian, { guest }), thawGuardian.queries.armed), [watch]);
  for (const id of [`host/${host}`, `guardian/${guest}`]) await stage.client.workflow.getHandle(id).terminate();
});
