/** guest-fsfreeze-status (QEMU 0.15): whether the agent holds a freeze. Its own flag: a freeze by others does not show. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asString, noArguments, ReplyShapeError } from '../shape.ts';

export const fsfreezeStatus = {
  name: 'guest-fsfreeze-status',
  arguments: noArguments,
  reply(value): 'frozen' | 'thawed' {
    const status = asString(value, 'return');
    if (status !== 'frozen' && status !== 'thawed') throw new ReplyShapeError('return must be "frozen" or "thawed"');
    return status;
  },
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, 'frozen' | 'thawed'>;
