/** What doctor says of the sockets of the guests. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { HostConfig } from '../../../host/config.ts';
import { checkSockets } from '../../../workers/doctor/sockets.ts';
import { temporaryFolder } from '../../support/folder.ts';

async function listening(t: TestContext, path: string): Promise<Server> {
  const server = createServer().listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  return server;
}

test('a socket with a client is distinguished from a free one, whatever characters its path has', async (t) => {
  // Paths stand unescaped at the end of a line of /proc/net/unix (proc(5)).
  const folder = await temporaryFolder(t);
  const [channel, monitor] = ['guest one  qga.sock', 'guest one'].map((name) => join(folder, name)) as [string, string];
  const server = await listening(t, channel);
  await listening(t, monitor);
  const accepted = once(server, 'connection');
  const client = createConnection(channel);
  t.after(() => client.destroy());
  await accepted;
  const config: Pick<HostConfig, 'guests'> = {
    guests: [{ kind: 'listed', name: 'db1', id: undefined, channel, agentChannel: undefined, monitor, carries: [] }],
  };
  const findings = await checkSockets(config);
  assert.deepEqual(
    findings.map(({ result }) => result),
    ['ok', 'ok'],
  );
  assert.ok(findings[0]!.found.startsWith(`db1: channel ${channel} has a client now (owned by `), findings[0]!.found);
  assert.ok(findings[1]!.found.startsWith(`db1: monitor ${monitor} is free (owned by `), findings[1]!.found);
});
