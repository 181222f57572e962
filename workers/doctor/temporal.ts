/** Doctor: does the Temporal server answer, and does anybody serve the queues of the fleet? */

import type { Connection } from '@temporalio/client';
import { connectClient, type Temporal } from '../../client/connection.ts';
import { resolveServer, type ServerFlags, type ServerSettings } from '../../client/settings.ts';
import type { Finding } from '../../model/doctor.ts';
import { messageOf } from '../../model/errors.ts';
import { controlQueue, guardianQueue } from '../../model/ids.ts';
import { fail, ok, warn } from './finding.ts';

/** A server on the same network answers in milliseconds. */
const answerMs = 3_000;

export async function checkTemporal(flags: ServerFlags): Promise<Finding[]> {
  let settings: ServerSettings;
  try {
    settings = await resolveServer(flags, process.env);
  } catch (error) {
    return [fail('temporal', messageOf(error), 'docs/140-secure-connections.md')];
  }
  const {
    connection: { address },
    namespace,
  } = settings;
  let temporal: Temporal;
  try {
    temporal = await connectClient(settings);
  } catch {
    return [
      fail(
        'temporal',
        `no server answers at ${address}`,
        'start one with "stillframe up", or name yours with --address or TEMPORAL_ADDRESS',
      ),
    ];
  }
  const { connection } = temporal;
  try {
    return await connection.withDeadline(Date.now() + answerMs, () =>
      Promise.all([
        checkServer(connection, settings),
        checkQueue(connection, namespace, controlQueue),
        checkQueue(connection, namespace, guardianQueue),
      ]),
    );
  } catch (error) {
    return [
      fail(
        'temporal',
        `${address} answers, but not for namespace ${namespace}: ${messageOf(error)}`,
        'create the namespace, or set TEMPORAL_NAMESPACE',
      ),
    ];
  } finally {
    await connection.close();
  }
}

async function checkServer(
  { workflowService }: Connection,
  { connection: { address }, namespace }: ServerSettings,
): Promise<Finding> {
  await workflowService.describeNamespace({ namespace });
  const { serverVersion } = await workflowService.getSystemInfo({});
  return ok('temporal', `${address}, server ${serverVersion}, namespace ${namespace}`);
}

async function checkQueue({ workflowService }: Connection, namespace: string, name: string): Promise<Finding> {
  const workflowTasks = 1;
  const { pollers } = await workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: workflowTasks });
  if (pollers.length > 0) return ok('temporal', `queue ${name} is served`);
  return warn('temporal', `nobody serves the queue ${name}`, `start "stillframe worker ${name}" (or "stillframe up")`);
}
