/** Our own agent, in a real guest, keeps the contract of agents on each of its ports. */

import { rm } from 'node:fs/promises';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { agentContract } from './agent-suite.ts';
import { makeFolder } from '../support/folder.ts';

for (const [name, portOf] of [
  ['on the classic port', ({ channel }: LabGuest) => channel],
  ['on its own port', ({ ownChannel }: LabGuest) => ownChannel],
] as const)
  agentContract(`stillframe-agent ${name}`, async () => {
    const directory = await makeFolder();
    const guest = await startGuest({ directory, name: 'contract' });
    return {
      path: portOf(guest),
      async stop() {
        await guest.stop();
        await rm(directory, { recursive: true, force: true });
      },
    };
  });
