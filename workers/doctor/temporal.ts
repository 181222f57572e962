/** Doctor: does the Temporal server answer, and does anybody serve the queues of the fleet? */

import { Connection } from '@temporalio/client';
import type { Finding } from '../../model/doctor.ts';
import { messageOf } from '../../model/errors.ts';
import { controlQueue, guardianQueue } from '../../model/ids.ts';
import { namespace } from '../temporal/temporal.ts';
import { fail, ok, warn } from './finding.ts';

/** A server on the same network answers in milliseconds. */
const answerMs = 3_000;

export async function checkTemporal(address: string): Promise<Finding[]> {
  let connection: Connection;
  try {
    connection = await Connection.connect({ address, connectTimeout: answerMs });
  } catch {
    return [
      fail(
        'temporal',
        `no server answers at ${address}`,
        'start one with "stillframe up", or name yours with --address or TEMPORAL_ADDRESS',
      ),
    ];
  }
  try {
    return await connection.withDeadline(Date.now() + answerMs, () =>
      Promise.all([
        checkServer(connection, address),
        checkQueue(connection, controlQueue),
        checkQueue(connection, guardianQueue),
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

async function checkServer({ workflowService }: Connection, address: string): Promise<Finding> {
  await workflowService.describeNamespace({ namespace });
  const { serverVersion } = await workflowService.getSystemInfo({});
  return ok('temporal', `${address}, server ${serverVersion}, namespace ${namespace}`);
}

async function checkQueue({ workflowService }: Connection, name: string): Promise<Finding> {
  const workflowTasks = 1;
  const { pollers } = await workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: workflowTasks });
  if (pollers.length > 0) return ok('temporal', `queue ${name} is served`);
  return warn('temporal', `nobody serves the queue ${name}`, `start "stillframe worker ${name}" (or "stillframe up")`);
}
