/**
 * __org.stillframe_freeze (our extension): freezes under a lease that ends inside the guest, and says what became of every filesystem.
 * A lost reply means that everything may be frozen: it must be followed by a thaw, never by another freeze.
 */

import type { AgentCommand } from '../command.ts';
import { reportReply } from '../limits.ts';
import { asArray, asCount, asObject, asString, optional } from '../shape.ts';

export interface LeaseFreeze {
  /** Number of the freeze attempt, minted by the host; the same one twice is refused. */
  epoch: number;
  /** Milliseconds from the agent's reading of the request until it thaws by itself. */
  lease: number;
  /** Only these mount points; all freezable filesystems when absent. */
  mountpoints?: string[];
}

export interface FrozenFilesystem {
  mountpoint: string;
  type: string;
  /** Name of the block device, `vda1`. */
  device: string;
  /**
   * `frozen`; `not-freezable` (no freeze operation); `foreign` (frozen by another program, which may thaw it at any time);
   * `unreachable` (every mount point of it is hidden under another mount).
   */
  outcome: string;
  /**
   * The PCI function of each disk below it, `0000:00:03.0`; `none` for a part that is on no disk (memory, network), `unknown` for
   * a disk elsewhere. Undefined of an older agent.
   */
  places: string[] | undefined;
}

export interface HookReport {
  name: string;
  /** `success`, `failed` or `timed-out`. */
  outcome: string;
  /** What it printed and its status, for people. */
  detail: string | undefined;
}

export interface LeaseFreezeReply {
  /** /proc/sys/kernel/random/boot_id of the guest. */
  bootId: string;
  epoch: number;
  /** Milliseconds of the lease that are left. */
  remaining: number;
  filesystems: FrozenFilesystem[];
  hooks: HookReport[];
}

export const leaseFreeze = {
  name: '__org.stillframe_freeze',
  arguments: ({ epoch, lease, mountpoints }) => ({ epoch, lease, ...(mountpoints && { mountpoints }) }),
  reply(value) {
    const reply = asObject(value, 'return');
    return {
      bootId: asString(reply['boot-id'], 'boot-id'),
      epoch: asCount(reply.epoch, 'epoch'),
      remaining: asCount(reply.remaining, 'remaining'),
      filesystems: asArray(reply.filesystems, 'filesystems').map((each) => {
        const filesystem = asObject(each, 'filesystems[]');
        return {
          mountpoint: asString(filesystem.mountpoint, 'mountpoint'),
          type: asString(filesystem.type, 'type'),
          device: asString(filesystem.device, 'device'),
          outcome: asString(filesystem.outcome, 'outcome'),
          places: optional(filesystem.places, 'places', asArray)?.map((place) => asString(place, 'places[]')),
        };
      }),
      hooks: asHooks(reply.hooks),
    };
  },
  effect: 'once',
  timeLimitMs: 'lease',
  maxReplyBytes: reportReply,
  answersSuccess: true,
} satisfies AgentCommand<LeaseFreeze, LeaseFreezeReply>;

export function asHooks(value: Parameters<typeof asArray>[0]): HookReport[] {
  return asArray(value, 'hooks').map((each) => {
    const hook = asObject(each, 'hooks[]');
    return {
      name: asString(hook.name, 'name'),
      outcome: asString(hook.outcome, 'outcome'),
      detail: optional(hook.detail, 'detail', asString),
    };
  });
}
