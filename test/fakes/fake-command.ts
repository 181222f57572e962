/** What the commands of a fake agent have in common. */

import type { Json, JsonObject } from '../../protocol/json.ts';
import type { FakeAgent } from './fake-agent.ts';

export interface FakeCommand {
  takes: Record<string, 'integer' | 'string' | 'array'>;
  whileFrozen: boolean;
  run(agent: FakeAgent, args: JsonObject): Json | Refusal | undefined;
}

/** What a command answers when it says no. */
export class Refusal {
  readonly desc: string;
  constructor(desc: string) {
    this.desc = desc;
  }
}

/** As guest-get-fsinfo tells them. */
export const filesystems = [
  { name: 'vda', mountpoint: '/data', type: 'ext4', 'used-bytes': 1n << 60n, disk: [] },
  { name: 'vdb', mountpoint: '/logs', type: 'xfs', disk: [] },
];
