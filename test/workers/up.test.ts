/** Several ups, and several workers of one host id: who serves, who is refused, and what the fleet sees of it. */

import type { Client } from '@temporalio/client';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectClient } from '../../client/connection.ts';
import { resolveServer } from '../../client/settings.ts';
import { hostId, hostQueues } from '../../model/ids.ts';
import type { GuestListing } from '../../model/guest/listing.ts';
import type { Inventory } from '../../model/workflows/host-entity.ts';
import type { UpRecord } from '../../workers/up.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeTemporary, startEntry, stranger, withTemporal, type RunningEntry } from './up-process.ts';

interface Place {
  config: string;
  state: string;
}

/** A host whose one guest is off. */
async function makePlace(directory: string, host = 'lab'): Promise<Place> {
  const config = join(directory, 'host.yaml');
  await writeFile(
    config,
    `host: ${host}\nguests: [{ name: db1, channel: ${directory}/qga.sock, monitor: ${directory}/qmp.sock }]\n` +
      `scratch: { path: ${directory}/scratch }\nrepositories: { main: ${directory}/repository }\n`,
  );
  return { config, state: join(directory, 'state') };
}

const argsOf = ({ config, state }: Place) => ['--config', config, '--state', state];

async function startPlace(undo: AsyncDisposableStack): Promise<Place & { up: RunningEntry }> {
  const place = await makePlace(await makeTemporary(undo));
  const up = startEntry(undo, 'up.ts', argsOf(place));
  await up.printed('stillframe is up');
  return { ...place, up };
}

async function clientOf(undo: AsyncDisposableStack, { state }: Place): Promise<Client> {
  const { client, connection } = await connectClient(await resolveServer({ state }, {}));
  undo.defer(() => connection.close());
  return client;
}

/** Who polls for the host's activities, and for workflows. */
async function pollers(client: Client): Promise<Record<string, string[]>> {
  const queues = [...Object.values(hostQueues(hostId('lab'))).map((name) => ({ name, type: 2 })), { name: 'control', type: 1 }];
  const each = queues.map(async ({ name, type }) => {
    const answer = await client.workflowService.describeTaskQueue({
      namespace: 'default',
      taskQueue: { name },
      taskQueueType: type,
    });
    return [name, answer.pollers.map(({ identity }) => identity!).toSorted()] as const;
  });
  return Object.fromEntries(await Promise.all(each));
}

/** A poll stands at the server a moment after its worker is ready. */
async function untilServed(client: Client): Promise<Record<string, string[]>> {
  for (;;) {
    const now = await pollers(client);
    if (Object.values(now).every((each) => each.length > 0)) return now;
  }
}

async function record({ state }: Place): Promise<UpRecord> {
  return JSON.parse(await readFile(join(state, 'up.json'), 'utf8')) as UpRecord;
}

async function listed(place: Place): Promise<GuestListing[]> {
  const { status, stdout, stderr } = await runCli(['guest', 'list', '--json'], { STILLFRAME_STATE: place.state });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as GuestListing[];
}

/** The announcement comes after the workers are ready, and on a busy machine the first answer to a query takes long. */
async function untilListed(place: Place): Promise<GuestListing[]> {
  for (;;) {
    const { status, stdout } = await runCli(['guest', 'list', '--json'], { STILLFRAME_STATE: place.state });
    if (status === 0 && stdout.trim() !== '[]') return JSON.parse(stdout) as GuestListing[];
  }
}

it('an up of another user beside it has a server of its own: neither sees the other’s workers and guests', async () => {
  await using undo = new AsyncDisposableStack();
  const place = await startPlace(undo);
  const client = await clientOf(undo, place);
  const [before, guests] = [await untilServed(client), await untilListed(place)];
  const user = await stranger(undo);
  const theirs = await makePlace(user.directory);
  const second = startEntry(undo, 'up.ts', argsOf(theirs), { user, env: await withTemporal(user) });
  await second.printed('stillframe is up');
  assert.deepEqual(await pollers(client), before);
  assert.deepEqual(await listed(place), guests);
});

it('a second up on one state directory is refused by pid and user, and leaves the first one’s record alone', async () => {
  await using undo = new AsyncDisposableStack();
  const place = await startPlace(undo);
  const before = await record(place);
  const second = startEntry(undo, 'up.ts', argsOf(place));
  const { status, stdout, stderr } = await second.ended;
  assert.equal(status, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, new RegExp(`${place.state} is in use by .*process ${place.up.child.pid} of user \\S+\\).*--state`));
  assert.deepEqual(await record(place), before);
});

it('the state directory of an up that was killed is free for the next', async () => {
  await using undo = new AsyncDisposableStack();
  const place = await startPlace(undo);
  const { pids } = await record(place);
  place.up.child.kill('SIGKILL');
  await place.up.ended;
  await Promise.all(Object.values(pids).map(gone));
  const next = startEntry(undo, 'up.ts', argsOf(place));
  await next.printed('stillframe is up');
  assert.equal((await next.stop()).status, 0);
});

async function gone(pid: number): Promise<void> {
  try {
    for (;;) {
      process.kill(pid, 0);
      await delay(50);
    }
  } catch {
    // ESRCH
  }
}

it('a second worker of one host id takes no task, announces nothing, and ends with the first one named', async () => {
  await using undo = new AsyncDisposableStack();
  const place = await startPlace(undo);
  const client = await clientOf(undo, place);
  const [before, guests] = [await untilServed(client), await untilListed(place)];
  const [serving] = before['host.lab.urgent']!;
  const other = await makePlace(await makeTemporary(undo));
  const args = [...argsOf(other), '--address', (await record(place)).address];
  const { status, stderr } = await startEntry(undo, 'warden.ts', args).ended;
  assert.equal(status, 2, stderr);
  const pid = /\/(\d+) /.exec(serving!)![1];
  assert.match(
    stderr,
    new RegExp(`host id lab is served by process ${pid} of user \\S+ on \\S+ \\(machine .+\\): .*"host" in its file`),
  );
  assert.deepEqual(await pollers(client), before);
  assert.deepEqual(await listed(place), guests);
});

it('of two workers of one host id that begin at once, one serves and the other ends with that one named', async () => {
  await using undo = new AsyncDisposableStack();
  const place = await startPlace(undo);
  const places = [await makePlace(await makeTemporary(undo), 'twin'), await makePlace(await makeTemporary(undo), 'twin')];
  const { address } = await record(place);
  const both = places.map((each) => startEntry(undo, 'warden.ts', [...argsOf(each), '--address', address]));
  const first = await Promise.race(both.map(async (each) => ({ each, result: await each.ended })));
  assert.equal(first.result.status, 2, first.result.stderr);
  assert.match(first.result.stderr, /host id twin is served by process \d+ of user/);
  const [other] = both.filter((each) => each !== first.each);
  const servingPid = /process (\d+) of user/.exec(first.result.stderr)![1];
  const children = await readFile(`/proc/${other!.child.pid}/task/${other!.child.pid}/children`, 'utf8');
  assert.deepEqual(children.trim().split(' '), [servingPid]);
});

it('a host worker that was killed is succeeded at once, though its poll is still listed at the server', async () => {
  await using undo = new AsyncDisposableStack();
  const place = await startPlace(undo);
  const client = await clientOf(undo, place);
  const [dead] = (await pollers(client))['host.lab.urgent']!;
  process.kill(Number(/\/(\d+) /.exec(dead!)![1]), 'SIGKILL');
  await place.up.printed('the host worker ended with SIGKILL');
  for (;;) {
    const now = (await pollers(client))['host.lab.urgent']!;
    if (now.some((each) => each !== dead)) {
      assert.ok(now.includes(dead!), 'the server has forgotten the dead one: this proves nothing');
      break;
    }
  }
});

it('an announcement that replaced the host’s own is corrected at the worker’s next look', async () => {
  await using undo = new AsyncDisposableStack();
  const place = await startPlace(undo);
  const client = await clientOf(undo, place);
  const guests = await untilListed(place);
  const entity = client.workflow.getHandle('host/lab');
  const inventory = await entity.query<Inventory>('inventory');
  // The update is answered when the entity holds the empty list; the next look may come at any time after it.
  await entity.executeUpdate('announce', { args: [{ ...inventory, guests: [], repositories: [] }] });
  while ((await entity.query<Inventory>('inventory')).guests.length === 0) await delay(100);
  assert.deepEqual(await listed(place), guests);
});

it('a guest that is off when its worker starts is listed with its id unknown, and work for it is refused by name', async () => {
  await using undo = new AsyncDisposableStack();
  const place = await startPlace(undo);
  const [guest] = await untilListed(place);
  assert.deepEqual([guest!.name, guest!.id, guest!.problem], ['db1', null, 'monitor-unreachable']);
  const env = { STILLFRAME_STATE: place.state };
  assert.match((await runCli(['guest', 'list'], env)).stdout, /^db1 .* unknown$/m);
  assert.match((await runCli(['guest', 'show', 'db1'], env)).stdout, /^id +unknown$/m);
  const client = await clientOf(undo, place);
  for (const work of [
    ['backup', 'run'],
    ['guest', 'ping'],
    ['guest', 'thaw'],
    ['window', 'run', '--snapshot', 'x'],
  ]) {
    const { status, stdout, stderr } = await runCli([...work, 'db1'], env);
    assert.equal(status, 6, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /the id of guest db1 on lab is not known.*start the guest, or give it an id:/);
  }
  const started = [];
  for await (const { type } of client.workflow.list({ query: "WorkflowType != 'hostEntity'" })) started.push(type);
  assert.deepEqual(started, []);
});
