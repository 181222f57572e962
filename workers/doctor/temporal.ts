/** Doctor: can the Temporal server be reached, which setting is wrong if not, and does anybody serve the queues of the fleet? */

import { connectClient, grpc, grpcCode, type Temporal } from '../../client/connection.ts';
import { expiryOf, findFault } from '../../client/fault.ts';
import { resolveServer, type HostFlags, type ServerSettings } from '../../client/settings.ts';
import type { Finding } from '../../model/doctor.ts';
import { isStillframeError, messageOf } from '../../model/errors.ts';
import { controlQueue, guardianQueue } from '../../model/ids.ts';
import { fail, ok, warn } from './finding.ts';

/** A server on the same network answers in milliseconds. */
const answerMs = 3_000;

const manual = 'docs/140-secure-connections.md has every setting';

export async function checkTemporal(flags: HostFlags): Promise<Finding[]> {
  let settings: ServerSettings;
  try {
    settings = await resolveServer(flags, process.env);
  } catch (error) {
    return [fail('settings', messageOf(error), manual)];
  }
  try {
    return [...(await checkServer(settings)), ...checkExpiry(settings)];
  } catch (error) {
    if (!isStillframeError(error, 'temporal-unreachable')) return [fail('access', messageOf(error), manual)];
    const { about, found, wayOut } = await findFault(settings.connection);
    return [fail(about === 'address' || about === 'server' ? 'temporal' : about, found, wayOut)];
  }
}

async function checkServer(settings: ServerSettings): Promise<Finding[]> {
  const temporal = await connectClient(settings);
  const { connection, address } = temporal;
  const { namespace } = settings;
  try {
    return await connection.withDeadline(Date.now() + answerMs, () =>
      Promise.all([
        checkNamespace(temporal, namespace),
        checkQueue(temporal, namespace, controlQueue),
        checkQueue(temporal, namespace, guardianQueue),
      ]),
    );
  } catch (error) {
    if (grpcCode(error) === grpc.notFound) {
      return [fail('namespace', `${address} has no namespace ${namespace}`, 'create the namespace, or set TEMPORAL_NAMESPACE')];
    }
    return [
      fail(
        'access',
        `${address} answers, but not for namespace ${namespace}: ${messageOf(error)}`,
        'give this client access to the namespace, or set TEMPORAL_NAMESPACE',
      ),
    ];
  } finally {
    await connection.close();
  }
}

async function checkNamespace({ connection: { workflowService }, address }: Temporal, namespace: string): Promise<Finding> {
  await workflowService.describeNamespace({ namespace });
  const { serverVersion } = await workflowService.getSystemInfo({});
  return ok('temporal', `${address}, server ${serverVersion}, namespace ${namespace}`);
}

async function checkQueue({ connection: { workflowService } }: Temporal, namespace: string, name: string): Promise<Finding> {
  const workflowTasks = 1;
  const { pollers } = await workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: workflowTasks });
  if (pollers.length > 0) return ok('temporal', `queue ${name} is served`);
  return warn('temporal', `nobody serves the queue ${name}`, `start "stillframe worker ${name}" (or "stillframe up")`);
}

function checkExpiry({ connection }: ServerSettings): Finding[] {
  const expiry = expiryOf(connection);
  if (!expiry) return [];
  const { found, isNear } = expiry;
  return [
    isNear ? warn('certificate', found, 'renew it; workers take the new file without a restart') : ok('certificate', found),
  ];
}
