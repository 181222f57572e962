import assert from 'node:assert/strict';
import { chmod, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { startDevServer, type DevServer } from '../../../infra/temporal/dev-server.ts';
import { errnoOf } from '../../../lib/errno.ts';
import { tcpAddress } from '../../../lib/own-port.ts';
import { temporaryFolder } from '../../support/folder.ts';

async function withClient<Result>(server: DevServer, use: (client: Client) => Promise<Result>): Promise<Result> {
  const connection = await Connection.connect({ address: await tcpAddress(server.address) });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

/** The fifth field of /proc/PID/stat (proc(5)); the second, in parentheses, may hold spaces. */
async function processGroup(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[2];
}

/** What its mode lets other users do. */
const openTo = async (path: string): Promise<number> => (await stat(path)).mode & 0o077;

/** A process without a parent is reported for a moment after its end. */
async function gone(pid: number): Promise<void> {
  try {
    for (;;) {
      process.kill(pid, 0);
      await delay(20);
    }
  } catch (error) {
    assert.equal(errnoOf(error), 'ESRCH');
  }
}

describe('the dev server', () => {
  it('the dev server keeps a workflow through kill -9 and a start with the same file, which becomes private if it was not', async (t) => {
    const folder = await temporaryFolder(t);
    const [socket, dbFile] = [join(folder, 'temporal.sock'), join(folder, 'temporal.db')];
    let server = await startDevServer({ socket, dbFile });
    try {
      const runId = await withClient(server, async (client) => {
        const handle = await client.workflow.start('nobodyRunsThis', { workflowId: 'kept', taskQueue: 'nobody', args: [] });
        return handle.firstExecutionRunId;
      });
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
      await chmod(dbFile, 0o644);
      server = await startDevServer({ socket, dbFile });
      const found = await withClient(server, (client) => client.workflow.getHandle('kept').describe());
      assert.deepEqual([found.runId, found.status.name], [runId, 'RUNNING']);
      assert.deepEqual([await openTo(dbFile), await openTo(socket)], [0, 0]);
    } finally {
      await server.stop();
    }
  });

  it('the dev server runs beside another, and both are gone with their sockets when they are stopped', async (t) => {
    const folder = await temporaryFolder(t);
    const sockets = ['a.sock', 'b.sock'].map((name) => join(folder, name));
    const servers = await Promise.all(sockets.map((socket) => startDevServer({ socket })));
    try {
      const [first, second] = servers as [DevServer, DevServer];
      await withClient(first, (client) => client.workflow.start('any', { workflowId: 'x', taskQueue: 'nobody', args: [] }));
      await assert.rejects(
        withClient(second, (client) => client.workflow.getHandle('x').describe()),
        { name: 'WorkflowNotFoundError' },
      );
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
    for (const pid of servers.flatMap((server) => [server.pid, server.carrier])) {
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    }
    for (const socket of sockets) await assert.rejects(stat(socket), { code: 'ENOENT' });
  });

  it('the dev server is in no network that this machine shares, nor in the group of processes that a terminal sends Ctrl-C to', async (t) => {
    const server = await startDevServer({ socket: join(await temporaryFolder(t), 'temporal.sock') });
    try {
      const networkOf = (pid: number) => readlink(`/proc/${pid}/ns/net`);
      for (const pid of [server.pid, server.carrier]) {
        assert.notEqual(await networkOf(pid), await networkOf(process.pid));
        assert.notEqual(await processGroup(pid), await processGroup(process.pid));
      }
    } finally {
      await server.stop();
    }
  });

  it('the dev server takes the socket of one that was killed, and ends when its carrier is killed', async (t) => {
    const socket = join(await temporaryFolder(t), 'temporal.sock');
    let server = await startDevServer({ socket });
    process.kill(server.carrier, 'SIGKILL');
    await server.ended;
    await gone(server.pid);
    await stat(socket);
    server = await startDevServer({ socket });
    try {
      await withClient(server, (client) => client.workflowService.getSystemInfo({}));
    } finally {
      await server.stop();
    }
  });
});
