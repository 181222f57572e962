import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { freePort } from '../../../infra/temporal/free-port.ts';
import { startDevServer, type DevServer } from '../../../infra/temporal/dev-server.ts';
import { isStillframeError } from '../../../model/errors.ts';
import { makeFolder } from '../../support/folder.ts';

async function withClient<Result>(server: DevServer, use: (client: Client) => Promise<Result>): Promise<Result> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

function portOf(server: DevServer): number {
  return Number(server.address.split(':')[1]);
}

/** The fifth field of /proc/PID/stat (proc(5)); the second, in parentheses, may hold spaces. */
async function processGroup(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2];
}

describe('the dev server', () => {
  it('the dev server keeps a workflow through kill -9 and a start on the same port with the same file', async () => {
    const folder = await makeFolder();
    const dbFile = join(folder, 'temporal.db');
    let server = await startDevServer({ dbFile });
    try {
      const port = portOf(server);
      const runId = await withClient(server, async (client) => {
        const handle = await client.workflow.start('nobodyRunsThis', { workflowId: 'kept', taskQueue: 'nobody', args: [] });
        return handle.firstExecutionRunId;
      });
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
      server = await startDevServer({ dbFile, port });
      assert.equal(portOf(server), port);
      const found = await withClient(server, (client) => client.workflow.getHandle('kept').describe());
      assert.deepEqual([found.runId, found.status.name], [runId, 'RUNNING']);
    } finally {
      await server.stop();
      await rm(folder, { recursive: true });
    }
  });

  it('the dev server runs beside another, and both are gone when they are stopped', async () => {
    const servers = await Promise.all([startDevServer(), startDevServer()]);
    try {
      const [first, second] = servers;
      await withClient(first, (client) => client.workflow.start('any', { workflowId: 'x', taskQueue: 'nobody', args: [] }));
      await assert.rejects(
        withClient(second, (client) => client.workflow.getHandle('x').describe()),
        { name: 'WorkflowNotFoundError' },
      );
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
    for (const { pid } of servers) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });

  it('the dev server is not in the group of processes that a terminal sends Ctrl-C to', async () => {
    const server = await startDevServer();
    try {
      assert.notEqual(await processGroup(server.pid), await processGroup(process.pid));
    } finally {
      await server.stop();
    }
  });

  it('the dev server is never taken for another that has its port: of two that start on one port, one is there and one says why it is not', async () => {
    const port = await freePort();
    const both = await Promise.allSettled([startDevServer({ port }), startDevServer({ port })]);
    const servers = both.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    try {
      assert.equal(servers.length, 1);
      assert.match(String(both.find((each) => each.status === 'rejected')?.reason), new RegExp(`${port}`));
      await withClient(servers[0]!, (client) => client.workflowService.getSystemInfo({}));
      process.kill(servers[0]!.pid, 0);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });

  it('the dev server refuses a port that is in use, and names it', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    try {
      await assert.rejects(
        startDevServer({ port }),
        (error) => isStillframeError(error, 'temporal-unreachable') && error.message.includes(String(port)),
      );
    } finally {
      squatter.close();
    }
  });
});
