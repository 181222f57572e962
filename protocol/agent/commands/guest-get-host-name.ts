/** guest-get-host-name (QEMU 2.10): the name that the guest gives itself. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asObject, asString, noArguments } from '../shape.ts';

export const getHostName = {
  name: 'guest-get-host-name',
  arguments: noArguments,
  reply: (value) => asString(asObject(value, 'return')['host-name'], 'host-name'),
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, string>;
