/** Who counts as another worker of a host: against a real server, with polls of processes that are named as a test says. */

import { Client, Connection } from '@temporalio/client';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { grpc, grpcCode } from '../../client/connection.ts';
import { startDevServer, type DevServer } from '../../infra/temporal/dev-server.ts';
import { tcpAddress } from '../../lib/own-port.ts';
import { isAlive, nameOfThisProcess, type ProcessName } from '../../lib/process.ts';
import { hostId, hostQueues } from '../../model/ids.ts';
import { pollerIdentity, readPollerIdentity } from '../../workers/host/poller-identity.ts';
import { makeFolder } from '../support/folder.ts';
import { watchRivals, type Rivals } from '../../workers/host/rivals.ts';

let directory: string;
let server: DevServer;
let connection: Connection;
before(async () => {
  directory = await makeFolder();
  server = await startDevServer({ socket: join(directory, 'temporal.sock') });
  connection = await Connection.connect({ address: await tcpAddress(server.address) });
});
after(async () => {
  await connection?.close();
  await server?.stop();
  await rm(directory, { recursive: true });
});

const self = nameOfThisProcess();
const elsewhere: ProcessName = { ...self, pid: 12, user: 'ops', hostname: 'rack9', machine: 'f'.repeat(32) };

function rivalsOf(host: string, signal = new AbortController().signal): Rivals {
  return watchRivals({ client: new Client({ connection }), host: hostId(host), self, signal, log: () => {} });
}

/** The server takes no poll that asks for less than two seconds; this one is given up sooner. */
const pollMs = 300;

/** One long poll, as a worker's; it stands at the server until it ends and after. */
async function poll(host: string, by: ProcessName): Promise<void> {
  const name = hostQueues(hostId(host)).urgent;
  const ask = () =>
    connection.workflowService.pollActivityTaskQueue({
      namespace: 'default',
      taskQueue: { name },
      identity: pollerIdentity(name, by),
    });
  const limited = () => connection.withDeadline(Date.now() + 30_000, ask);
  await connection.withAbortSignal(AbortSignal.timeout(pollMs), limited).catch((error: unknown) => {
    if (grpcCode(error) !== grpc.cancelled) throw error;
  });
}

it('a worker of another machine that keeps polling is alive: the host id is refused, and machine, user and pid are named', async () => {
  const stop = new AbortController();
  const polling = (async () => {
    while (!stop.signal.aborted) await poll('a', elsewhere);
  })();
  await poll('a', elsewhere);
  await assert.rejects(rivalsOf('a').demandNone(), {
    code: 'host-id-served',
    message: /^host id a is served by process 12 of user ops on rack9 \(machine f+\): end that one first/,
  });
  stop.abort();
  await polling;
});

it('a process of this machine that has ended is not a rival, though its poll is still listed at the server', async () => {
  const child = spawn('sleep', ['60']);
  const name = { ...self, pid: child.pid!, since: '2020-01-01T00:00:00.000Z' };
  child.kill('SIGKILL');
  await once(child, 'exit');
  await poll('b', name);
  await rivalsOf('b').demandNone();
});

it('a process that got the id of one that has ended is not taken for it, nor is one of an earlier boot', async () => {
  await poll('c', { ...self, ticks: '1' });
  await poll('c', { ...self, boot: 'another' });
  await rivalsOf('c').demandNone();
});

it('of two workers that serve at once the younger stops, and the older continues', async () => {
  const living = spawn('sleep', ['60']);
  try {
    const other = { ...self, pid: living.pid!, ticks: await ticksOf(living.pid!) };
    assert.equal(isAlive(other), true);
    await poll('d', self);
    await poll('d', { ...other, since: '2999-01-01T00:00:00.000Z' });
    await rivalsOf('d').demandNoOlder();
    await poll('d', { ...other, since: '2020-01-01T00:00:00.000Z' });
    await assert.rejects(rivalsOf('d').demandNoOlder(), { code: 'host-id-served' });
    await assert.rejects(rivalsOf('d').demandNone(), { code: 'host-id-served' });
  } finally {
    living.kill('SIGKILL');
  }
});

it('the wait for a worker that cannot be looked up ends with this worker', async () => {
  await poll('e', elsewhere);
  const ending = new AbortController();
  const waiting = rivalsOf('e', ending.signal).demandNone();
  ending.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});

it('the identity of a poller describes its process, whatever the names of its user and machine are', () => {
  const odd = { ...self, user: 'a b@c', machine: 'hostname x y' };
  assert.deepEqual(readPollerIdentity(pollerIdentity('host.a.urgent', odd)), odd);
  assert.equal(readPollerIdentity('host.a.urgent/12'), null);
  assert.equal(readPollerIdentity('12@rack1'), null);
});

async function ticksOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
}
