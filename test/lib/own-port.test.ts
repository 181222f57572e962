/** Who gets through the port that leads this process to a unix socket. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { socketAddress, socketPathOf, tcpAddress } from '../../lib/own-port.ts';
import { run } from '../../lib/run.ts';
import { temporaryFolder } from '../support/folder.ts';

/** A server that sends back what it receives, and the port that leads to it. */
async function startEcho(t: TestContext): Promise<{ port: number; clients: Socket[]; close(): Promise<void> }> {
  const path = join(await temporaryFolder(t), 'echo.sock');
  const clients: Socket[] = [];
  const server = createServer((client) => {
    clients.push(client);
    client.on('error', () => {}).pipe(client);
  }).listen(path);
  await once(server, 'listening');
  const close = async () => {
    clients.forEach((client) => client.destroy());
    await server[Symbol.asyncDispose]().catch(() => {});
  };
  t.after(close);
  const port = Number((await tcpAddress(socketAddress(path))).split(':')[1]);
  return { port, clients, close };
}

test('this process sends and receives through its port, as often as it likes, and the end passes on both ways', async (t) => {
  const { port, clients } = await startEcho(t);
  for (let times = 0; times < 3; times++) {
    const client = createConnection(port, '127.0.0.1');
    client.write('to and fro');
    assert.equal(String((await once(client, 'data'))[0]), 'to and fro');
    client.end();
    await once(client, 'close');
  }
  const client = createConnection(port, '127.0.0.1').on('error', () => {});
  client.write('x');
  await once(client, 'data');
  clients.at(-1)!.destroy();
  await once(client, 'close');
});

test('another process of the same user is closed without a byte, and reaches nothing', async (t) => {
  const { port, clients } = await startEcho(t);
  const program = `
    const client = require('node:net').createConnection(${port}, '127.0.0.1');
    client.on('data', () => console.log('data')).on('error', () => {}).on('close', () => console.log('closed')).write('in?');
  `;
  assert.equal(await run([process.execPath, '-e', program]), 'closed\n');
  assert.equal(clients.length, 0);
});

test('a client is closed while nothing serves the socket', async (t) => {
  const { port, close } = await startEcho(t);
  await close();
  const client = createConnection(port, '127.0.0.1').on('error', () => {});
  await once(client, 'close');
});

test('an address of host and port stays as it is', async () => {
  assert.equal(await tcpAddress('temporal.example:7233'), 'temporal.example:7233');
  assert.equal(socketPathOf('temporal.example:7233'), undefined);
});
