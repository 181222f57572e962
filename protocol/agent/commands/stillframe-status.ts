/** __org.stillframe_status (our extension): what is held, by which epoch, for how much longer; and which freezes of other programs were met. */

import type { AgentCommand } from '../command.ts';
import { quickMs, reportReply } from '../limits.ts';
import { asArray, asCount, asObject, asString, noArguments, optional } from '../shape.ts';

export interface LeaseStatus {
  bootId: string;
  /** Anything but `thawed` means that a freeze of this agent is or may come into force. */
  state: 'thawed' | 'freezing' | 'frozen' | 'thawing';
  /** Absent for a freeze by plain guest-fsfreeze-freeze, and when thawed. */
  epoch: number | undefined;
  /** Milliseconds of the lease that are left; absent without a lease. */
  remaining: number | undefined;
  /** Mount points that are frozen by us. */
  held: string[];
  /** Mount points that were found frozen by another program at the last freeze. */
  foreign: string[];
}

const states = ['thawed', 'freezing', 'frozen', 'thawing'] as const;

export const leaseStatus = {
  name: '__org.stillframe_status',
  arguments: noArguments,
  reply(value) {
    const reply = asObject(value, 'return');
    const state = asString(reply.state, 'state');
    return {
      bootId: asString(reply['boot-id'], 'boot-id'),
      // A state that we do not know is none that shows a thaw.
      state: states.find((known) => known === state) ?? 'frozen',
      epoch: optional(reply.epoch, 'epoch', asCount),
      remaining: optional(reply.remaining, 'remaining', asCount),
      held: asArray(reply.held, 'held').map((each) => asString(each, 'held[]')),
      foreign: asArray(reply.foreign, 'foreign').map((each) => asString(each, 'foreign[]')),
    };
  },
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: reportReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, LeaseStatus>;
