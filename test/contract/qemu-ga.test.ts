/** The stock qemu-ga of Debian, in a real guest behind a real virtio-serial port, keeps the contract of agents. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGuest } from '../../infra/lab/guest.ts';
import { agentContract } from './agent-suite.ts';

agentContract('stock qemu-ga', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sf-contract-'));
  const guest = await startGuest({ directory, name: 'contract', agent: 'qemu-ga' });
  return {
    path: guest.channel,
    async stop() {
      await guest.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
