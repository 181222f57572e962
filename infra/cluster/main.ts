/** `npm run cluster`: a real Temporal cluster on this machine until Ctrl-C, with a profile for each role. */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { beginProcess } from '../../lib/begin-process.ts';
import { startCluster } from './cluster.ts';

const usage = 'usage: npm run cluster [-- --host ID ...]   (a certificate for each host; "lab" without one)\n';

beginProcess();
process.exitCode = await main();

async function main(): Promise<number> {
  let hosts: string[];
  try {
    const { values } = parseArgs({ options: { host: { type: 'string', multiple: true, default: ['lab'] } } });
    hosts = values.host;
  } catch (error) {
    process.stderr.write(`cluster: ${(error as Error).message}\n${usage}`);
    return 2;
  }
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const directory = await mkdtemp(join(tmpdir(), 'sf-cluster-'));
  try {
    const cluster = await startCluster(directory, ['operator', 'control', 'guardian', ...hosts.map((id) => `host.${id}`)]);
    process.stdout.write(`The cluster is up: frontends on ${cluster.addresses.join(' and ')}.
Profiles for operator, control, guardian and hosts: ${cluster.profiles}
Use it:  export TEMPORAL_CONFIG_FILE=${cluster.profiles}
         stillframe guest list --profile operator
Press Ctrl-C to stop it and to remove it.
`);
    await stopped;
    process.stdout.write('\nEnding the cluster ...\n');
    await cluster.stop();
    return 0;
  } catch (error) {
    process.stderr.write(`cluster: ${(error as Error).message}\n`);
    return 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
