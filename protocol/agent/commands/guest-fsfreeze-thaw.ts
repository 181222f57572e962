/** guest-fsfreeze-thaw (QEMU 0.15): thaws everything, freezes of others included; answers how many were frozen. May be sent again. */

import type { AgentCommand } from '../command.ts';
import { smallReply, thawMs } from '../limits.ts';
import { asCount, noArguments } from '../shape.ts';

export const fsfreezeThaw = {
  name: 'guest-fsfreeze-thaw',
  arguments: noArguments,
  reply: (value) => asCount(value, 'return'),
  effect: 'idempotent',
  timeLimitMs: thawMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, number>;
