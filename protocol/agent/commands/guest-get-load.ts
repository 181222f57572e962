/** guest-get-load (QEMU 10.0): load averages over one, five and fifteen minutes. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asNumber, asObject, noArguments } from '../shape.ts';

export const getLoad = {
  name: 'guest-get-load',
  arguments: noArguments,
  reply(value) {
    const reply = asObject(value, 'return');
    return [asNumber(reply.load1m, 'load1m'), asNumber(reply.load5m, 'load5m'), asNumber(reply.load15m, 'load15m')] as const;
  },
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, readonly [number, number, number]>;
