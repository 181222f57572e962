/** A real cluster (`npm run cluster`): who may call what, by certificate. Runs by `npm test -- test/cluster`, for it needs Go. */

import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Connection } from '@temporalio/client';
import { issue, makeAuthority, type Certificate } from '../../infra/cluster/certificates.ts';
import { namespace, startCluster, type Cluster } from '../../infra/cluster/cluster.ts';
import { serverName } from '../../infra/cluster/configuration.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeFolder } from '../support/folder.ts';

const roles = ['operator', 'control', 'guardian', 'host.lab', 'host.other'] as const;

const undo = new AsyncDisposableStack();
let cluster: Cluster;

before(async () => {
  cluster = await startCluster(await makeTemporary(), roles);
  undo.defer(() => cluster.stop());
});
after(() => undo.disposeAsync());

async function makeTemporary(): Promise<string> {
  const folder = await makeFolder();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A poll that is allowed waits for a task, and is answered without one shortly before its deadline, of two seconds at least. */
const pollMs = 4_000;

/** gRPC status codes. */
const notFound = 5;
const permissionDenied = 7;

async function connect(role: string, address = cluster.addresses[0]): Promise<Connection> {
  const at = (ending: string) => readFile(join(cluster.directory, `${role}.${ending}`));
  return open(address, { crt: await at('pem'), key: await at('key') });
}

async function open(address: string, clientCertPair: { crt: Buffer; key: Buffer } | undefined, authority = 'client-authority') {
  const serverRootCACertificate = await readFile(join(cluster.directory, `${authority}.pem`));
  const tls = { serverRootCACertificate, serverNameOverride: serverName, ...(clientCertPair ? { clientCertPair } : {}) };
  const connection = await Connection.connect({ address, tls, connectTimeout: 5_000 });
  undo.defer(() => connection.close());
  return connection;
}

type Call = (connection: Connection) => Promise<unknown>;

const poll =
  (name: string): Call =>
  (connection) =>
    connection.withDeadline(Date.now() + pollMs, () =>
      connection.workflowService.pollActivityTaskQueue({ namespace, taskQueue: { name }, identity: 'test' }),
    );
const list: Call = ({ workflowService }) => workflowService.listWorkflowExecutions({ namespace });
const terminate =
  (workflowId: string): Call =>
  ({ workflowService }) =>
    workflowService.terminateWorkflowExecution({ namespace, workflowExecution: { workflowId } });
const start: Call = ({ workflowService }) =>
  workflowService.startWorkflowExecution({
    namespace,
    workflowId: 'guest-command/x',
    workflowType: { name: 'guestCommand' },
    taskQueue: { name: 'control' },
    requestId: crypto.randomUUID(),
  });
const query =
  (workflowId: string): Call =>
  ({ workflowService }) =>
    workflowService.queryWorkflow({ namespace, execution: { workflowId }, query: { queryType: 'inventory' } });

const describe =
  (workflowId: string): Call =>
  ({ workflowService }) =>
    workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } });

/** The status that a call ends with; undefined when it succeeds. */
async function statusOf(connection: Connection, call: Call): Promise<number | undefined> {
  try {
    await call(connection);
    return undefined;
  } catch (error) {
    const { code } = error as { code?: number };
    if (code === undefined) throw error;
    return code;
  }
}

const allowed: [string, string, Call, number | undefined][] = [
  ['host.lab', 'polls its own queue', poll('host.lab.ops'), undefined],
  ['host.lab', 'asks for its own entity', query('host/lab'), notFound],
  ['host.lab', 'asks whether a backup of a guest runs', describe('backup/absent'), notFound],
  ['control', 'polls the queue of the workflows', poll('control'), undefined],
  ['control', 'lists workflows', list, undefined],
  ['operator', 'lists workflows', list, undefined],
  ['operator', 'terminates a workflow', terminate('guest-command/absent'), notFound],
];
for (const [role, what, call, status] of allowed) {
  test(`the certificate of ${role} ${what}`, async () => {
    assert.equal(await statusOf(await connect(role), call), status);
  });
}

const refused: [string, string, Call][] = [
  ['host.lab', 'poll the queue of another host', poll('host.other.urgent')],
  ['host.lab', 'poll a queue whose name only begins like its own', poll('host.laboratory.ops')],
  ['host.lab', 'poll the queue of the workflows', poll('control')],
  ['host.lab', 'start a workflow', start],
  ['host.lab', 'terminate its own entity', terminate('host/lab')],
  ['host.lab', 'ask for the entity of another host', query('host/other')],
  ['host.lab', 'list workflows', list],
  ['host.lab', 'ask for another workflow than a backup', describe('host/other')],
  ['host.other', 'poll the queue of the first host', poll('host.lab.urgent')],
];
for (const [role, what, call] of refused) {
  test(`the certificate of ${role} does not let it ${what}`, async () => {
    assert.equal(await statusOf(await connect(role), call), permissionDenied);
  });
}

test('a command with the certificate of a host is refused in one sentence, with what to do', async () => {
  const env = { TEMPORAL_CONFIG_FILE: cluster.profiles };
  const allowed = await runCli(['guest', 'list', '--profile', 'operator'], env);
  assert.equal(allowed.status, 0, allowed.stderr);
  const refusedHost = await runCli(['guest', 'list', '--profile', 'host.lab'], env);
  assert.equal(refusedHost.status, 7);
  assert.match(
    refusedHost.stderr,
    /^stillframe: the Temporal server at \S+ does not allow this to your certificate or key: use a profile/,
  );
});

test('certificates and profiles are for the user alone who runs the cluster', async () => {
  assert.equal((await stat(cluster.directory)).mode & 0o777, 0o700);
  assert.equal((await stat(cluster.profiles)).mode & 0o777, 0o600);
});

test('both frontends serve the same namespace', async () => {
  for (const address of cluster.addresses) {
    const { workflowService } = await connect('operator', address);
    const { namespaceInfo } = await workflowService.describeNamespace({ namespace });
    assert.equal(namespaceInfo?.name, namespace);
  }
});

test('a client without a certificate, with one of another authority, or without TLS is refused at the door', async () => {
  const [address] = cluster.addresses;
  const directory = await makeTemporary();
  const stranger = await makeAuthority(directory, 'stranger');
  const forged: Certificate = await issue(directory, stranger, { commonName: 'operator' });
  const pair = { crt: await readFile(forged.cert), key: await readFile(forged.key) };
  await assert.rejects(open(address, undefined));
  await assert.rejects(open(address, pair));
  await assert.rejects(Connection.connect({ address, connectTimeout: 5_000 }));
});
