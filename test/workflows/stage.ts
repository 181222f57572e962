/** A real dev server with our control and guardian workers, and hosts whose guests are stand-ins. One for each test file. */

import { ApplicationFailure, Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createControlActivities } from '../../activities/control.ts';
import { createCopyActivities } from '../../activities/copy.ts';
import { createGuardianActivities } from '../../activities/guardian.ts';
import { createGuestActivities } from '../../activities/guest.ts';
import { createWindowActivities } from '../../activities/window.ts';
import { startDevServer } from '../../infra/temporal/dev-server.ts';
import { tcpAddress } from '../../lib/own-port.ts';
import {
  controlQueue,
  guardianQueue,
  guestId,
  hostId,
  hostQueueNames,
  hostQueues,
  newBackupId,
  type BackupId,
  type GuestId,
  type HostId,
} from '../../model/ids.ts';
import { workflowBundle } from '../../workers/temporal/bundle.ts';
import type { Contract } from '../../model/workflows/contract.ts';
import { servedOn } from '../../model/workflows/activities.ts';
import { thawGuardian } from '../../model/workflows/thaw-guardian.ts';
import { startWorkflow } from '../../client/workflows.ts';
import { installRuntime, pollers } from '../../workers/temporal/temporal.ts';
import { makeFolder } from '../support/folder.ts';
import type { StandIns } from './stand-ins.ts';

export interface Stage {
  client: Client;
  /** What the guardian paged. */
  pages: string[];
  /** Hosts that announce a guest besides its own. */
  moved: Map<GuestId, HostId[]>;
  /** Runs `act` while a host of its own serves its three queues with `parts`. */
  onHost<T>(parts: StandIns, act: (ids: Ids) => Promise<T>): Promise<T>;
  /** Starts a workflow that `replayAll` will look at. */
  start<Key, Input extends Key, Result>(
    contract: Contract<[Input], Result, Key>,
    input: Input,
  ): Promise<WorkflowHandle<(input: Input) => Promise<Result>>>;
  /** Replays every history that this stage has seen, and holds each to our bound. */
  replayAll(): Promise<number>;
  close(): Promise<void>;
}

/** Ids that no other test uses, so that tests can run at once. */
export interface Ids {
  host: HostId;
  guest: GuestId;
  guestName: string;
  backup: BackupId;
}

export function newIds(): Ids {
  const random = randomUUID().slice(0, 8);
  return {
    host: hostId(`host-${random}`),
    guest: guestId(randomUUID()),
    guestName: 'db1',
    backup: newBackupId(Date.now(), random),
  };
}

/** What a workflow failed with: ours, below the failures that the server and the SDK wrap around it. */
export async function failureOf(result: Promise<unknown>): Promise<ApplicationFailure> {
  const ended = await result.then(
    () => assert.fail('the workflow completed'),
    (error: unknown) => error,
  );
  for (let cause = ended; cause instanceof Error; cause = cause.cause) if (cause instanceof ApplicationFailure) return cause;
  throw ended;
}

/** Replays of longer ones take longer than the time-out of a workflow task (docs/). */
const longestHistory = 2_000;

export async function openStage(): Promise<Stage> {
  const undo = new AsyncDisposableStack();
  const pages: string[] = [];
  const moved: Stage['moved'] = new Map();
  installRuntime((level, message) => level === 'error' && process.stderr.write(`${message}\n`));
  const directory = await makeFolder();
  undo.defer(() => rm(directory, { recursive: true }));
  const server = await startDevServer({ socket: join(directory, 'temporal.sock') });
  undo.defer(() => server.stop());
  const address = await tcpAddress(server.address);
  const connection = await Connection.connect({ address });
  undo.defer(() => connection.close());
  const native = await NativeConnection.connect({ address });
  undo.defer(() => native.close());
  const client = new Client({ connection });
  const bundles = { control: await workflowBundle('index.ts'), guardian: await workflowBundle('thaw-guardian.ts') };
  const common = { connection: native, workflowTaskPollerBehavior: pollers, activityTaskPollerBehavior: pollers };
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: controlQueue,
      workflowBundle: bundles.control,
      activities: createControlActivities({ client }),
    }),
    Worker.create({
      ...common,
      taskQueue: guardianQueue,
      workflowBundle: bundles.guardian,
      activities: createGuardianActivities({
        log: (_level, message) => void pages.push(message),
        findHostsWith: async (guest) => moved.get(guest) ?? [],
      }),
    }),
  ]);
  const runs = workers.map((worker) => worker.run());
  undo.defer(async () => {
    workers.forEach((worker) => worker.shutdown());
    await Promise.all(runs);
  });
  const seen = new Map<string, keyof typeof bundles>();

  return {
    client,
    pages,
    moved,

    async onHost(parts, act) {
      const ids = newIds();
      const queues = hostQueues(hostId(ids.host));
      const served = { ...createWindowActivities(parts), ...createGuestActivities(parts), ...createCopyActivities(parts) };
      const hostWorkers = await Promise.all(
        hostQueueNames.map((queue) =>
          Worker.create({
            connection: native,
            taskQueue: queues[queue],
            activities: servedOn(queue, served),
            activityTaskPollerBehavior: pollers,
          }),
        ),
      );
      const acting = hostWorkers.reduce(
        (rest, worker) => () => worker.runUntil(rest),
        () => act(ids),
      );
      return acting();
    },

    start: (contract, input) => startWorkflow(client, contract, input, { summary: 'test' }),

    async replayAll() {
      for await (const { workflowId, type } of client.workflow.list()) {
        seen.set(workflowId, type === thawGuardian.type ? 'guardian' : 'control');
      }
      for (const [workflowId, bundle] of seen) {
        const history = await client.workflow.getHandle(workflowId).fetchHistory();
        const events = history.events?.length ?? 0;
        assert.ok(events < longestHistory, `${workflowId} has ${events} events`);
        await Worker.runReplayHistory({ workflowBundle: bundles[bundle] }, history, workflowId);
      }
      return seen.size;
    },

    close: () => undo.disposeAsync(),
  };
}
