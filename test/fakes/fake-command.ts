/** What the commands of a fake agent are given, and what they have in common. */

import type { Json, JsonObject } from '../../protocol/json.ts';

export interface OwnState {
  bootId: string;
  /** Of the freeze that is held; undefined for a plain one, and when thawed. */
  epoch: number | undefined;
  /** Milliseconds that status reports; undefined for a freeze without a lease. */
  remaining: number | undefined;
  /** How the last epoch ended. */
  last: { epoch: number; leaseFired: boolean; lost: string[] } | undefined;
  /** The last freeze was asked for this lease. */
  leaseMs: number | undefined;
  /** By mount point; `frozen` where a test says nothing else. */
  outcomes: Record<string, string>;
  /** Mount points that another program thaws meanwhile: still reported at the proof, `lost` at the thaw. */
  lost: string[];
  /** Commands that its configuration does not allow. */
  blocked: string[];
  hooks: JsonObject[];
  thawHooks: JsonObject[];
}

/** The guest as its commands see it. */
export interface FakeState {
  frozen: boolean;
  /** What our agent has besides; undefined turns it into a stock one, at any time. */
  own: OwnState | undefined;
}

export interface FakeCommand {
  takes: Record<string, 'integer' | 'string' | 'array'>;
  whileFrozen: boolean;
  run(agent: FakeState, args: JsonObject): Json | Refusal | undefined;
}

/** What a command answers when it says no. */
export class Refusal {
  readonly desc: string;
  constructor(desc: string) {
    this.desc = desc;
  }
}

/** As guest-get-fsinfo reports them. */
export const filesystems = [
  { name: 'vda', mountpoint: '/data', type: 'ext4', 'used-bytes': 1n << 60n, disk: [diskAt(2)] },
  { name: 'vdb', mountpoint: '/logs', type: 'xfs', disk: [diskAt(3)] },
];

export function diskAt(slot: number): JsonObject {
  const pci = { domain: 0, bus: 0, slot, function: 0 };
  return { 'pci-controller': pci, 'bus-type': 'virtio', bus: 0, target: 0, unit: 0 };
}
