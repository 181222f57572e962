/** Our own agent, in a real guest, keeps the contract of agents on each of its ports. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { agentContract } from './agent-suite.ts';

for (const [name, portOf] of [
  ['on the classic port', ({ channel }: LabGuest) => channel],
  ['on its own port', ({ ownChannel }: LabGuest) => ownChannel],
] as const)
  agentContract(`stillframe-agent ${name}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sf-contract-'));
    const guest = await startGuest({ directory, name: 'contract' });
    return {
      path: portOf(guest),
      async stop() {
        await guest.stop();
        await rm(directory, { recursive: true, force: true });
      },
    };
  });
