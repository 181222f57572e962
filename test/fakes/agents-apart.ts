/** Fake agents in a process of their own: what they compute must not be taken for what they cost the host. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface AgentsApart {
  /** The socket of each. */
  paths: string[];
  stop(): Promise<void>;
}

/** `good`: one that answers. `hostile`: one for each way to be expensive. */
export async function startAgentsApart(kind: 'good' | 'hostile'): Promise<AgentsApart> {
  const child = fork(join(import.meta.dirname, 'agents-apart-main.ts'), [kind]);
  const exited = once(child, 'exit');
  const [paths] = (await Promise.race([
    once(child, 'message'),
    exited.then(() => Promise.reject(new Error('the agents ended before they were ready'))),
  ])) as [string[]];
  return {
    paths,
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}
