/** A host, its workflows and its failures on a real server that must not read them. */

import { createRepository } from '../../repository/points.ts';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { connectClient } from '../../client/connection.ts';
import { resolveServer } from '../../client/settings.ts';
import { startDevServer } from '../../infra/temporal/dev-server.ts';
import { tcpAddress } from '../../lib/own-port.ts';
import { backupGuest } from '../../model/workflows/backup-guest.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeTemporary, startEntry } from './up-process.ts';

const guest = 'accounts-db';
const uuid = '6a6f7c1e-0f1d-4c8e-9a54-0d6a1e6f2b11';
const line = (id: string) => `${id} ${randomBytes(32).toString('base64')}\n`;

/** Everything that the server keeps of every workflow, as it keeps it. */
async function kept(address: string): Promise<Buffer> {
  const connection = await Connection.connect({ address: await tcpAddress(address) });
  try {
    const { workflowService } = connection;
    const { executions } = await workflowService.listWorkflowExecutions({ namespace: 'default' });
    const parts = executions.map(async (info) => {
      const execution = info.execution!;
      const { history } = await workflowService.getWorkflowExecutionHistory({ namespace: 'default', execution });
      return [
        proto.temporal.api.workflow.v1.WorkflowExecutionInfo.encode(info).finish(),
        proto.temporal.api.history.v1.History.encode(history!).finish(),
      ];
    });
    return Buffer.concat((await Promise.all(parts)).flat());
  } finally {
    await connection.close();
  }
}

/** A workflow that throws by itself, with a value of its input in the message. */
async function failInWorkflow(env: Record<string, string>): Promise<void> {
  const { client, connection } = await connectClient(await resolveServer({}, env));
  try {
    const args = [{ guest: uuid, backup: `${guest}/` }];
    const failed = client.workflow.execute(backupGuest.type, { taskQueue: backupGuest.queue, workflowId: 'bad', args });
    await assert.rejects(failed, ({ cause }: Error) => /accounts-db/.test((cause as Error).message));
  } finally {
    await connection.close();
  }
}

it('with a key file the server keeps no name and no reason, a key rotates while all runs, and old histories are still read', async () => {
  await using undo = new AsyncDisposableStack();
  const directory = await makeTemporary(undo);
  const [config, keys] = [join(directory, 'host.yaml'), join(directory, 'keys')];
  // A guest that is off: work for it fails, and the failure has its name.
  await writeFile(
    config,
    `host: lab\nguests: [{ name: ${guest}, id: ${uuid}, channel: ${directory}/qga.sock, monitor: ${directory}/qmp.sock }]\n` +
      `scratch: { path: ${directory}/scratch }\nrepositories: { main: ${directory}/repository }\n`,
  );
  await createRepository(join(directory, 'repository'));
  const first = line('first');
  await writeFile(keys, first, { mode: 0o600 });
  const server = await startDevServer({ socket: join(directory, 'temporal.sock') });
  undo.defer(() => server.stop());
  const env = { TEMPORAL_ADDRESS: server.address, STILLFRAME_PAYLOAD_KEYS: keys };
  const up = startEntry(undo, 'up.ts', ['--config', config, '--state', join(directory, 'state')], { env });
  await up.printed('stillframe is up');
  while (!(await runCli(['guest', 'list'], env)).stdout.includes(guest));

  const failed = await runCli(['backup', 'run', guest], env);
  assert.notEqual(failed.status, 0);
  assert.match(failed.stderr, /guest accounts-db cannot be used \(monitor-unreachable\)/);
  await failInWorkflow(env);
  const before = await kept(server.address);
  for (const secret of [guest, 'cannot be used', directory, 'driver.ts']) {
    assert.equal(before.includes(secret), false, `the server keeps ${secret}`);
  }
  assert.ok(before.includes('Encoded failure'));

  // Without the key nothing of it is shown, and the error names the key.
  await writeFile(`${keys}.other`, line('other'), { mode: 0o600 });
  const unknown = await runCli(['backup', 'list', '--payload-keys', `${keys}.other`], { TEMPORAL_ADDRESS: server.address });
  assert.match(
    unknown.stderr,
    /^stillframe: a payload is encrypted with the key "first", which is not in .*keys\.other: add this key/,
  );
  assert.equal(unknown.status, 2);

  const none = await runCli(['guest', 'list'], { TEMPORAL_ADDRESS: server.address });
  assert.match(
    none.stderr,
    /^stillframe: a payload is encrypted with the key "first", and this process has no keys: name the file/,
  );

  await writeFile(`${keys}.new`, line('second') + first, { mode: 0o600 });
  await rename(`${keys}.new`, keys);
  assert.equal((await runCli(['backup', 'run', guest], env)).status, failed.status);
  assert.ok((await kept(server.address)).includes('second'));
  const { stdout } = await runCli(['backup', 'list', '--json'], env);
  assert.deepEqual(
    (JSON.parse(stdout) as { guestName: string }[]).map(({ guestName }) => guestName),
    [guest, guest],
  );
});
