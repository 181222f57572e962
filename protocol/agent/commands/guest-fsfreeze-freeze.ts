/**
 * guest-fsfreeze-freeze (QEMU 0.15): syncs and freezes every filesystem that can be frozen; answers how many it froze.
 * A lost reply means that everything may be frozen: it must be followed by a thaw, never by another freeze.
 */

import type { AgentCommand } from '../command.ts';
import { smallReply } from '../limits.ts';
import { asCount, noArguments } from '../shape.ts';

export const fsfreezeFreeze = {
  name: 'guest-fsfreeze-freeze',
  arguments: noArguments,
  reply: (value) => asCount(value, 'return'),
  effect: 'once',
  timeLimitMs: 'lease',
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, number>;
