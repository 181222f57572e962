/** The stock qemu-ga of Debian, in a real guest behind a real virtio-serial port, keeps the contract of agents. */

import { rm } from 'node:fs/promises';
import { startGuest } from '../../infra/lab/guest.ts';
import { agentContract } from './agent-suite.ts';
import { makeFolder } from '../support/folder.ts';

agentContract('stock qemu-ga', async () => {
  const directory = await makeFolder();
  const guest = await startGuest({ directory, name: 'contract', agent: 'qemu-ga' });
  return {
    path: guest.channel,
    async stop() {
      await guest.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
