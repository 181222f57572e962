/** The request of a freeze, the reports about it, and its state while it lasts. */

import type { HeldFreeze } from '../platform.ts';
import type { Hook, HookResult } from './hooks.ts';
import type { FreezePlan } from './plan.ts';

export type FreezeState = 'thawed' | 'freezing' | 'frozen' | 'thawing';
export type FreezeOutcome = 'frozen' | 'not-freezable' | 'foreign' | 'unreachable';

export interface FreezeRequest {
  /** Undefined for clients that use no epochs. */
  epoch: number | undefined;
  /** Undefined: no lease. */
  leaseMs: number | undefined;
  /** All filesystems when undefined. */
  mountPoints: readonly string[] | undefined;
}

export interface FrozenReport {
  filesystems: { mountPoint: string; type: string; deviceName: string; places: string[]; outcome: FreezeOutcome }[];
  hooks: HookResult[];
}

/** How a freeze ended. */
export interface ThawedReport {
  epoch: number | undefined;
  /** The filesystems that it had frozen; `lost`: another program had thawed it before. */
  filesystems: { mountPoint: string; path: string; outcome: 'thawed' | 'lost' }[];
  /** Whether it had frozen every filesystem: then no freeze by others can exist beside it. */
  whole: boolean;
  hooks: HookResult[];
  heldMs: number;
  leaseFired: boolean;
}

/** One freeze from its request to its last hook. */
export interface Freeze {
  request: FreezeRequest;
  plan: FreezePlan;
  /** By the boot clock. */
  deadlineMs: number | undefined;
  /** Before the first filesystem froze. */
  startedMs: number;
  /** Hooks that ran with `freeze`, in that order. */
  hooks: Hook[];
  held: HeldFreeze | undefined;
  /** Its end was requested, or it has ended by itself: it must not be reported as frozen any more. */
  ending: boolean;
  leaseFired: boolean;
  over: PromiseWithResolvers<ThawedReport>;
}
