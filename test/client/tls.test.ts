/** TLS to a real server: which setting is wrong when it does not work, and new certificates while workers run. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { rm, writeFile } from 'node:fs/promises';
import { startDevServer, type DevServer } from '../../infra/temporal/dev-server.ts';
import { joinSockets, tcpAddress } from '../../lib/own-port.ts';
import type { Finding } from '../../model/doctor.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeAuthority, type Authority, type Pair } from '../support/certificates.ts';
import { makeFolder } from '../support/folder.ts';
import { startEntry } from '../workers/up-process.ts';
import { startTlsProxy } from '../support/tls-proxy.ts';

let directory: string;
let server: DevServer;
let authority: Authority;
let stranger: Authority;
let frontend: Pair;
let worker: Pair;

before(async () => {
  directory = await makeFolder();
  [server, authority, stranger] = await Promise.all([
    startDevServer({ socket: join(directory, 'server.sock') }),
    makeAuthority(directory, 'ca'),
    makeAuthority(directory, 'stranger-ca'),
  ]);
  [frontend, worker] = await Promise.all([authority.issue('temporal.test'), authority.issue('worker')]);
});
after(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

async function proxy(t: TestContext, pair = frontend, clients?: string): Promise<string> {
  const started = await startTlsProxy(await tcpAddress(server.address), pair, clients);
  t.after(() => started.close());
  return started.address;
}

/** The server itself, for other processes than this one. */
async function plain(t: TestContext): Promise<string> {
  const [host, port] = (await tcpAddress(server.address)).split(':');
  const listener = createServer((client) => joinSockets(client, connect(Number(port), host))).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => listener.close());
  return `127.0.0.1:${(listener.address() as AddressInfo).port}`;
}

function trusting(address: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.certificate,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
    XDG_CONFIG_HOME: directory,
    STILLFRAME_CONFIG: join(directory, 'host.yaml'),
    STILLFRAME_STATE: directory,
    ...more,
  };
}

function identity({ certificate, key }: Pair): Record<string, string> {
  return { TEMPORAL_TLS_CLIENT_CERT_PATH: certificate, TEMPORAL_TLS_CLIENT_KEY_PATH: key };
}

const checks = ['temporal', 'settings', 'access', 'namespace', 'tls', 'ca', 'server name', 'server certificate', 'certificate'];

async function examine(env: Record<string, string>): Promise<string[]> {
  const { stdout } = await runCli(['doctor', '--json'], env);
  const findings = (JSON.parse(stdout) as Finding[]).filter(({ check }) => checks.includes(check));
  return findings.map(({ check, result, found, wayOut }) => `${result} ${check}: ${found} → ${wayOut}`);
}

test('with the right settings the doctor finds the server, and says when the client certificate ends', async (t) => {
  const found = await examine(trusting(await proxy(t, frontend, authority.certificate), identity(worker)));
  assert.match(found[0]!, /^ok temporal: 127\.0\.0\.1:\d+, server .*, namespace default/);
  assert.match(found.at(-1)!, /^ok certificate: the client certificate ends at 2\d\d\d-/);
});

interface Wrong {
  what: string;
  settings: (t: TestContext) => Promise<Record<string, string>>;
  says: RegExp;
}

const wrong: Wrong[] = [
  {
    what: 'an address where nothing listens',
    settings: async () => trusting('127.0.0.1:1'),
    says: /^fail temporal: no server answers at 127\.0\.0\.1:1 → start one/,
  },
  {
    what: 'a name that is not there',
    settings: async () => trusting('temporal.invalid:7233'),
    says: /^fail temporal: the name in temporal\.invalid:7233 cannot be resolved → /,
  },
  {
    what: 'a server with TLS and settings without',
    settings: async (t) => ({ TEMPORAL_ADDRESS: await proxy(t), XDG_CONFIG_HOME: directory }),
    says: /^fail tls: the server at .* has TLS, and the settings have none → set TEMPORAL_TLS=true/,
  },
  {
    what: 'a server with TLS that wants certificates, and settings without',
    settings: async (t) => ({ TEMPORAL_ADDRESS: await proxy(t, frontend, authority.certificate), XDG_CONFIG_HOME: directory }),
    says: /^fail tls: the server at .* has TLS, and the settings have none → set TEMPORAL_TLS=true/,
  },
  {
    what: 'a server without TLS and settings with it',
    settings: async (t) => trusting(await plain(t)),
    says: /^fail tls: .* answers, and not with TLS .* → compare the address; for a server without TLS remove/,
  },
  {
    what: 'a CA that is not named',
    settings: async (t) => trusting(await proxy(t), { TEMPORAL_TLS_SERVER_CA_CERT_PATH: '', TEMPORAL_TLS: 'true' }),
    says: /^fail ca: the certificate of .* was issued by a CA that is not trusted here .*_SERVER_CA_CERT_PATH/,
  },
  {
    what: 'another CA',
    settings: async (t) => trusting(await proxy(t), { TEMPORAL_TLS_SERVER_CA_CERT_PATH: stranger.certificate }),
    says: /^fail ca: the certificate of .* was issued by a CA that is not trusted here .*_SERVER_CA_CERT_PATH/,
  },
  {
    what: 'another server name',
    settings: async (t) => trusting(await proxy(t), { TEMPORAL_TLS_SERVER_NAME: 'other.test' }),
    says: /^fail server name: the certificate of .* is for another name \(.*temporal\.test\) → .*TEMPORAL_TLS_SERVER_NAME/,
  },
  {
    what: 'a server whose certificate has expired',
    settings: async (t) =>
      trusting(await proxy(t, await authority.issue('temporal.test.past', { days: -1, names: 'DNS:temporal.test' }))),
    says: /^fail server certificate: the certificate of .* has expired → renew it on the server/,
  },
  {
    what: 'no client certificate where one is wanted',
    settings: async (t) => trusting(await proxy(t, frontend, authority.certificate)),
    says: /^fail certificate: the server at .* wants a client certificate, and the settings have none → .*CLIENT_CERT_PATH/,
  },
  {
    what: 'a client certificate that has expired',
    settings: async (t) =>
      trusting(await proxy(t, frontend, authority.certificate), identity(await authority.issue('past', { days: -1 }))),
    says: /^fail certificate: the client certificate CN=past has expired \(.*\) → renew it/,
  },
  {
    what: 'a client certificate of another CA',
    settings: async (t) => trusting(await proxy(t, frontend, authority.certificate), identity(await stranger.issue('foreign'))),
    says: /^fail certificate: the server at .* does not accept the client certificate CN=foreign .* → have it issued by a CA/,
  },
  {
    what: 'a namespace that is not there',
    settings: async (t) => trusting(await proxy(t), { TEMPORAL_NAMESPACE: 'nowhere' }),
    says: /^fail namespace: .* has no namespace nowhere → create the namespace, or set TEMPORAL_NAMESPACE/,
  },
  {
    what: 'a certificate file that is not there',
    settings: async (t) => trusting(await proxy(t), identity({ certificate: '/nonexistent', key: worker.key })),
    says: /^fail settings: the client certificate \/nonexistent cannot be read as PEM .* → /,
  },
];

// Most of them wait for the time-out of a connection.
describe('the doctor names what is wrong, and the way out', { concurrency: 4 }, () => {
  for (const { what, settings, says } of wrong) {
    test(`the doctor names ${what}, and says what to do`, async (t) => {
      const found = await examine(await settings(t));
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0]!, says);
    });
  }
});

test('a worker that waits for a server says which setting is wrong', async (t) => {
  await using undo = new AsyncDisposableStack();
  const env = trusting(await proxy(t, frontend, authority.certificate));
  await startEntry(undo, 'control.ts', [], { env }).printed('wants a client certificate, and the settings have none: name yours');
});

test('a command that cannot connect says which setting is wrong, with status 7', async (t) => {
  const { status, stderr } = await runCli(['guest', 'list'], trusting(await proxy(t, frontend, authority.certificate)));
  assert.equal(status, 7);
  assert.match(
    stderr,
    /^stillframe: the server at .* wants a client certificate, and the settings have none: name yours with TEMPORAL_TLS_CLIENT_CERT_PATH/,
  );
});

test('a command connects with the profile that --profile names', async (t) => {
  const address = await proxy(t, frontend, authority.certificate);
  const path = join(directory, 'profiles.toml');
  await writeFile(
    path,
    `[profile.fleet]\naddress = "${address}"\n[profile.fleet.tls]\nserver_name = "temporal.test"\nserver_ca_cert_path = "${authority.certificate}"\n` +
      `client_cert_path = "${worker.certificate}"\nclient_key_path = "${worker.key}"\n`,
  );
  const { status, stdout, stderr } = await runCli(['guest', 'list', '--json', '--profile', 'fleet'], {
    TEMPORAL_CONFIG_FILE: path,
  });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '[]\n', stderr: '' });
});

/** Another machine, by a name that is never there (RFC 6761, section 6.4). */
const elsewhere = () => ({ TEMPORAL_ADDRESS: 'temporal.invalid:7233', XDG_CONFIG_HOME: directory });

for (const command of [
  ['guest', 'list'],
  ['worker', 'control'],
  ['worker', 'guardian'],
  ['worker', 'host'],
  ['up', '--state', '/nonexistent/state'],
]) {
  test(`"${command.join(' ')}" refuses a server on another machine without TLS, with status 2`, async () => {
    const config = join(directory, 'host.yaml');
    await writeFile(config, `host: a\nguests: []\nscratch: { path: ${directory}/scratch }\n`);
    const env = { ...elsewhere(), STILLFRAME_CONFIG: config, STILLFRAME_STATE: join(directory, 'state') };
    const { status, stderr } = await runCli(command, env);
    assert.match(stderr, /temporal\.invalid:7233 is not on this machine.*--insecure-plaintext/);
    assert.equal(status, 2);
  });
}

test('--insecure-plaintext reaches a command and the entry that it starts', async () => {
  const env = elsewhere();
  assert.equal((await runCli(['guest', 'list', '--insecure-plaintext'], env)).status, 7);
  const { stdout } = await runCli(
    ['doctor', '--json', '--insecure-plaintext', '--config', '/nonexistent', '--state', directory],
    env,
  );
  assert.match(stdout, /the name in temporal\.invalid:7233 cannot be resolved/);
});
