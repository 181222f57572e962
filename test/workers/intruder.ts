/**
 * A process that has no business with `up`: what it gets from the socket and the ports that its arguments name, as JSON. Where it
 * gets a byte, it starts a workflow and polls a queue of the host, as a client and a worker would.
 */

import { Connection } from '@temporalio/client';
import { createConnection, type NetConnectOpts } from 'node:net';
import { errnoOf } from '../../lib/errno.ts';

/** The client's preface and empty SETTINGS (RFC 9113, 3.4): a server sends its own at once, whatever it thinks of them. */
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);

/** Only of those that let it in. */
const answerMs = 3_000;

async function knock(to: NetConnectOpts): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = createConnection(to, () => socket.write(preface));
  socket.once('data', () => resolve('a byte'));
  socket.once('error', (error) => resolve(errnoOf(error) === 'ECONNRESET' ? 'closed without a byte' : errnoOf(error)!));
  socket.once('close', () => resolve('closed without a byte'));
  const got = await promise;
  socket.destroy();
  return got;
}

async function use(address: string): Promise<string> {
  const connection = await Connection.connect({ address, connectTimeout: answerMs });
  const { workflowService: service } = connection;
  const common = { namespace: 'default', identity: 'intruder' };
  await service.startWorkflowExecution({
    ...common,
    workflowId: `intruder-${address}`,
    workflowType: { name: 'guestCommand' },
    taskQueue: { name: 'control' },
    requestId: address,
  });
  await connection
    .withDeadline(Date.now() + answerMs, () =>
      service.pollActivityTaskQueue({ ...common, taskQueue: { name: 'host.lab.urgent' } }),
    )
    .catch(() => {});
  await connection.close();
  return 'started a workflow and polled a queue';
}

async function tryPort(port: string): Promise<string> {
  const got = await knock({ port: Number(port), host: '127.0.0.1' });
  return got === 'a byte' ? use(`127.0.0.1:${port}`).catch((error: unknown) => `a byte, then ${String(error)}`) : got;
}

const [socket, ...ports] = process.argv.slice(2) as [string, ...string[]];
const gots = await Promise.all([knock({ path: socket }), ...ports.map(tryPort)]);
process.stdout.write(JSON.stringify(Object.fromEntries([socket, ...ports].map((name, index) => [name, gots[index]]))));
