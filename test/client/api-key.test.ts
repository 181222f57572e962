/** An API key that the server does not accept, or no longer: each process says so, and a worker waits for a better one. */

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { startDevServer, type DevServer } from '../../infra/temporal/dev-server.ts';
import { tcpAddress } from '../../lib/own-port.ts';
import type { Finding } from '../../model/doctor.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeAuthority, type Authority, type Pair } from '../support/certificates.ts';
import { makeFolder } from '../support/folder.ts';
import { startKeyProxy, type KeyProxy } from '../support/key-proxy.ts';
import { startEntry } from '../workers/up-process.ts';

let directory: string;
let server: DevServer;
let authority: Authority;
let frontend: Pair;

before(async () => {
  directory = await makeFolder();
  [server, authority] = await Promise.all([
    startDevServer({ socket: join(directory, 'server.sock') }),
    makeAuthority(directory, 'ca'),
  ]);
  frontend = await authority.issue('temporal.test');
  await writeFile(join(directory, 'host.yaml'), `host: a\nguests: []\nscratch: { path: ${directory}/scratch }\n`);
});
after(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

async function guarded(t: TestContext, status: KeyProxy['status']): Promise<{ proxy: KeyProxy; env: Record<string, string> }> {
  const proxy = await startKeyProxy(await tcpAddress(server.address), frontend);
  t.after(() => proxy.close());
  proxy.status = status;
  const env = {
    TEMPORAL_ADDRESS: proxy.address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.certificate,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
    TEMPORAL_API_KEY: 'key of a test',
    XDG_CONFIG_HOME: directory,
    STILLFRAME_CONFIG: join(directory, 'host.yaml'),
    STILLFRAME_STATE: directory,
  };
  return { proxy, env };
}

/** What the doctor says about the server. */
async function examine(env: Record<string, string>): Promise<Finding[]> {
  const { stdout } = await runCli(['doctor', '--json'], env);
  return (JSON.parse(stdout) as Finding[]).filter(({ check }) => ['temporal', 'access', 'namespace'].includes(check));
}

const count = (text: string, part: RegExp) => [...text.matchAll(new RegExp(part, 'g'))].length;

for (const [status, why] of [
  [16, 'unknown key'],
  [7, 'Request unauthorized'],
] as const) {
  test(`a command and the doctor say that the key is refused (status ${status}), and pass with one that is known`, async (t) => {
    const { proxy, env } = await guarded(t, status);
    const { status: exit, stderr } = await runCli(['guest', 'list'], env);
    assert.equal(exit, 7, stderr);
    assert.match(
      stderr,
      new RegExp(`does not let this client in \\(.*${why}.*\\): set TEMPORAL_API_KEY, or api_key in the profile`),
    );
    const [access, ...others] = await examine(env);
    assert.deepEqual([access?.check, access?.result, others], ['access', 'fail', []]);
    assert.match(access!.found, new RegExp(`${why}.*set TEMPORAL_API_KEY`));
    proxy.keys.add(env.TEMPORAL_API_KEY!);
    const [reached] = await examine(env);
    assert.deepEqual([reached?.check, reached?.result], ['temporal', 'ok']);
  });

  test(`a worker whose key is refused at its start (status ${status}) says so once, and serves when the key is known`, async (t) => {
    await using undo = new AsyncDisposableStack();
    const { proxy, env } = await guarded(t, status);
    const worker = startEntry(undo, 'control.ts', [], { env });
    await worker.printed('does not let this client in');
    await proxy.refused(6);
    const polls = proxy.accepted('PollWorkflowTaskQueue');
    proxy.keys.add(env.TEMPORAL_API_KEY!);
    await polls;
    const { stderr } = await worker.stop();
    assert.equal(count(stderr, /set TEMPORAL_API_KEY/), 1, stderr);
    assert.doesNotMatch(stderr, /no Temporal server/);
  });

  test(`a host's worker whose key is revoked (status ${status}) says so once, lives, and serves when the key is known again`, async (t) => {
    await using undo = new AsyncDisposableStack();
    const { proxy, env } = await guarded(t, status);
    proxy.keys.add(env.TEMPORAL_API_KEY!);
    const host = join(directory, `host-${status}.yaml`);
    await writeFile(host, `host: b${status}\nguests: []\nscratch: { path: ${directory}/scratch }\n`);
    const announced = proxy.accepted('ExecuteMultiOperation');
    const worker = startEntry(undo, 'host.ts', ['--config', host, '--state', join(directory, `state-${status}`)], { env });
    // It announces its host once it polls and has seen no worker beside it; before that a refusal ends this start, and the warden makes the next.
    await announced;
    proxy.revoke();
    await worker.printed('no longer accepts the key or certificate of this worker');
    await proxy.refused(6);
    const polls = proxy.accepted('PollActivityTaskQueue');
    proxy.keys.add(env.TEMPORAL_API_KEY!);
    await polls;
    assert.equal(worker.child.exitCode, null);
    const { stderr } = await worker.stop();
    assert.equal(count(stderr, /no longer accepts/), 1, stderr);
  });
}
