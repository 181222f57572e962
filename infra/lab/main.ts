/** `npm run lab`: one real guest to try things on, with a host's file that knows it, until Ctrl-C. */

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGuest } from './guest.ts';

const directory = await mkdtemp(join(tmpdir(), 'sf-lab-'));
try {
  const guest = await startGuest({ directory, name: 'db1' });
  const file = join(directory, 'host.yaml');
  await writeFile(
    file,
    `host: lab
guests:
  - { name: ${guest.name}, channel: ${guest.channel}, agentChannel: ${guest.ownChannel}, monitor: ${guest.monitor} }
limits: { lease: 5s, gap: 0s, perHour: 0 }
scratch: { path: ${directory}/scratch }
repositories: { main: ${directory}/repository }
snapshots: { pretend: [sh, -c, 'sleep 1; echo pretended'] }
`,
  );
  process.stdout.write(`guest db1 runs (pid ${guest.pid}) and writes to an ext4 and an XFS disk. In another terminal:

  export STILLFRAME_CONFIG=${file} STILLFRAME_STATE=${directory}/state
  npx stillframe repository init
  npx stillframe up

Ctrl-C here ends the guest and removes ${directory}, restore points included.
`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), guest.ended]);
  await guest.stop();
} finally {
  await rm(directory, { recursive: true, force: true });
}
process.exit();
