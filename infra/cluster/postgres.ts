/** A PostgreSQL server of its own for the cluster: on loopback, with a password, in a directory that is removed with it. */

import { randomBytes } from 'node:crypto';
import { glob, mkdir, writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { endWithParent, run } from '../../lib/run.ts';
import { aptGet } from '../lab/packages.ts';
import { freePort } from '../temporal/free-port.ts';
import { startService } from './service.ts';

export interface Postgres {
  port: number;
  user: string;
  password: string;
  stop(): Promise<void>;
}

/** Debian keeps each version's programs apart, and off the PATH. */
const programs = '/usr/lib/postgresql/*/bin/postgres';

/** The server refuses to run as root; Debian's package makes this user. */
const unprivileged = 'postgres';

const user = 'temporal';

export async function startPostgres(directory: string): Promise<Postgres> {
  const bin = await ensureInstalled();
  const data = join(directory, 'postgres');
  await mkdir(data, { mode: 0o700 });
  const password = randomBytes(16).toString('hex');
  const secret = join(data, 'password');
  await writeFile(secret, password, { mode: 0o600 });
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await run(['chown', '-R', unprivileged, data]);
  const as = isRoot ? ['setpriv', '--reuid', unprivileged, '--regid', unprivileged, '--init-groups', '--'] : [];
  const cluster = join(data, 'data');
  const initdb = [...as, join(bin, 'initdb'), '-D', cluster, '-U', user, '--pwfile', secret];
  await run([...initdb, '--auth', 'scram-sha-256', '-E', 'UTF8', '--no-sync'], { cwd: data });
  await rm(secret);
  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, `unix_socket_directories=${data}`];
  const server = [join(bin, 'postgres'), '-D', cluster, ...settings.flatMap((each) => ['-c', each])];
  // SIGINT is its fast shutdown: it ends its clients' sessions instead of waiting for them.
  const service = await startService([...as, ...endWithParent, ...server], {
    port,
    log: join(directory, 'postgres.log'),
    stopBy: 'SIGINT',
  });
  return { port, user, password, stop: () => service.stop() };
}

/** @returns the directory of its programs */
async function ensureInstalled(): Promise<string> {
  const found = async () => (await Array.fromAsync(glob(programs))).toSorted().at(-1);
  const there = await found();
  if (there) return join(there, '..');
  if (process.getuid?.() !== 0)
    throw new Error('the cluster needs PostgreSQL: run "sudo apt-get install postgresql" once, then this again');
  process.stderr.write('cluster: installing postgresql, which keeps the histories of the cluster\n');
  await aptGet(['install', '-y', '--no-install-recommends', 'postgresql']);
  const installed = await found();
  if (!installed) throw new Error(`Debian’s package postgresql was installed, but no ${programs} is there`);
  return join(installed, '..');
}
