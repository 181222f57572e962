/** A Temporal cluster of real parts on one machine: PostgreSQL, two frontends, mutual TLS, and certificates narrowed by role. */

import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endWithParent, run } from '../../lib/run.ts';
import { findTemporal } from '../temporal/find.ts';
import { freePort } from '../temporal/free-port.ts';
import { buildServer } from './build.ts';
import { issue, makeAuthority, type Certificate } from './certificates.ts';
import { configuration, internodeName, serverName, services, type Doors } from './configuration.ts';
import { startPostgres, type Postgres } from './postgres.ts';
import { startService } from './service.ts';

export interface Cluster {
  /** Of the two frontends: each serves every client. */
  addresses: [string, string];
  /** A file with one profile for each role, for `--profile`; the first frontend is in it. */
  profiles: string;
  /** Signs certificates of clients. */
  clientAuthority: Certificate;
  /** Where certificates are. */
  directory: string;
  stop(): Promise<void>;
}

export const namespace = 'default';

/** History of that many days is kept after a workflow has ended. */
const retention = '7d';

/** As in the dev server: without it a hop takes 100 ms instead of 15 (measured there). */
const dynamicConfiguration = JSON.stringify({
  'history.transferProcessorMaxPollRPS': [{ value: 1000 }],
  // Else the ports of the membership ring take whoever connects, in plain text.
  'system.enableRingpopTLS': [{ value: true }],
});

/** @param roles common names that get a certificate and a profile: `operator`, `control`, `guardian`, `host.<id>` */
export async function startCluster(directory: string, roles: readonly string[]): Promise<Cluster> {
  const server = await buildServer();
  const temporal = await findTemporal();
  const undo = new AsyncDisposableStack();
  try {
    // PostgreSQL runs as another user, who must pass through.
    await chmod(directory, 0o711);
    const certificates = join(directory, 'certificates');
    const doors = await makeDoors(certificates);
    const clients = await Promise.all(
      roles.map(async (role) => [role, await issue(certificates, doors.clientAuthority, { commonName: role })] as const),
    );
    const postgres = await startPostgres(directory);
    undo.defer(() => postgres.stop());
    await makeSchemas(server, postgres);
    const files = join(directory, 'server');
    await mkdir(files, { mode: 0o700 });
    const dynamic = join(files, 'dynamic.yaml');
    await writeFile(dynamic, dynamicConfiguration);
    const start = async (name: string, only: readonly string[]) => {
      const ports = Object.fromEntries(
        await Promise.all(services.map(async (each) => [each, { rpc: await freePort(), membership: await freePort() }] as const)),
      ) as Parameters<typeof configuration>[0]['ports'];
      const file = join(files, `${name}.yaml`);
      await writeFile(file, configuration({ postgres, doors, ports, dynamic }), { mode: 0o600 });
      const log = join(files, `${name}.log`);
      const service = await startService([...endWithParent, server, 'start', file, ...only], { port: ports.frontend.rpc, log });
      undo.defer(() => service.stop());
      return `127.0.0.1:${ports.frontend.rpc}`;
    };
    const addresses: [string, string] = [await start('first', services), await start('second', ['frontend'])];
    const profiles = join(directory, 'temporal.toml');
    await writeFile(profiles, clients.map(([role, client]) => profile(role, addresses[0], doors, client)).join('\n'), {
      mode: 0o600,
    });
    await createNamespace(temporal, profiles);
    const all = undo.move();
    return {
      addresses,
      profiles,
      clientAuthority: doors.clientAuthority,
      directory: certificates,
      stop: () => all.disposeAsync(),
    };
  } finally {
    await undo.disposeAsync();
  }
}

async function makeDoors(directory: string): Promise<Doors> {
  const [internodeAuthority, clientAuthority] = await Promise.all([
    makeAuthority(directory, 'internode-authority'),
    makeAuthority(directory, 'client-authority'),
  ]);
  const usage = 'serverAuth,clientAuth';
  const [internode, frontend] = await Promise.all([
    issue(directory, internodeAuthority, { commonName: 'internode', hosts: [`DNS:${internodeName}`], usage }),
    issue(directory, clientAuthority, {
      commonName: 'frontend',
      hosts: [`DNS:${serverName}`, 'IP:127.0.0.1'],
      usage: 'serverAuth',
    }),
  ]);
  return { internodeAuthority, internode, clientAuthority, frontend };
}

/** Temporal's own tool, which the server program carries, makes its two databases. */
async function makeSchemas(server: string, { port, user, password }: Postgres): Promise<void> {
  const endpoint = ['--plugin', 'postgres12_pgx', '--ep', '127.0.0.1', '-p', String(port), '-u', user, '--pw', password];
  const schemas = { temporal: 'temporal', temporal_visibility: 'visibility' };
  for (const [database, schema] of Object.entries(schemas)) {
    const tool = (...args: string[]) => run([server, 'schema', ...endpoint, '--db', database, ...args]);
    await tool('create');
    await tool('setup-schema', '-v', '0.0');
    await tool('update-schema', '--schema-name', `postgresql/v12/${schema}`);
  }
}

async function createNamespace(temporal: string, profiles: string): Promise<void> {
  const options = { env: { ...process.env, TEMPORAL_CONFIG_FILE: profiles, TEMPORAL_PROFILE: 'operator' } };
  await run([temporal, 'operator', 'namespace', 'create', '--namespace', namespace, '--retention', retention], options);
}

function profile(role: string, address: string, { clientAuthority }: Doors, client: Certificate): string {
  const quoted = (text: string) => JSON.stringify(text);
  return `[profile.${quoted(role)}]
address = ${quoted(address)}
namespace = ${quoted(namespace)}
[profile.${quoted(role)}.tls]
server_name = ${quoted(serverName)}
server_ca_cert_path = ${quoted(clientAuthority.cert)}
client_cert_path = ${quoted(client.cert)}
client_key_path = ${quoted(client.key)}
`;
}
