/**
 * __org.stillframe_thaw (our extension): ends the freeze of one epoch, and of no other. May be sent again: the answer for an epoch that has
 * ended says how it ended. An epoch that is not the last one is refused.
 */

import type { AgentCommand } from '../command.ts';
import { reportReply, thawMs } from '../limits.ts';
import { asArray, asBoolean, asCount, asObject, asString } from '../shape.ts';
import { asHooks, type HookReport } from './stillframe-freeze.ts';

export interface LeaseThawReply {
  bootId: string;
  epoch: number;
  /** Each filesystem that this epoch had frozen; `outcome`: `thawed`, or `lost` when another program had thawed it before. */
  filesystems: { mountpoint: string; outcome: string }[];
  /** Milliseconds by the guest's boot clock, from before the first filesystem froze until the last was thawed. */
  held: number;
  /** Whether the lease ended it. */
  leaseFired: boolean;
  hooks: HookReport[];
}

export const leaseThaw = {
  name: '__org.stillframe_thaw',
  arguments: ({ epoch }) => ({ epoch }),
  reply(value) {
    const reply = asObject(value, 'return');
    return {
      bootId: asString(reply['boot-id'], 'boot-id'),
      epoch: asCount(reply.epoch, 'epoch'),
      filesystems: asArray(reply.filesystems, 'filesystems').map((each) => {
        const filesystem = asObject(each, 'filesystems[]');
        return {
          mountpoint: asString(filesystem.mountpoint, 'mountpoint'),
          outcome: asString(filesystem.outcome, 'outcome'),
        };
      }),
      held: asCount(reply.held, 'held'),
      leaseFired: asBoolean(reply['lease-fired'], 'lease-fired'),
      hooks: asHooks(reply.hooks),
    };
  },
  effect: 'idempotent',
  timeLimitMs: thawMs,
  maxReplyBytes: reportReply,
  answersSuccess: true,
} satisfies AgentCommand<{ epoch: number }, LeaseThawReply>;
