/** guest-set-time (QEMU 1.5): sets the guest’s clock and then its hardware clock; without a time, the clock by the hardware’s. */

import type { AgentCommand } from '../command.ts';
import { slowReadMs, smallReply } from '../limits.ts';
import { nothing } from '../shape.ts';

export const setTime = {
  name: 'guest-set-time',
  arguments: ({ time }) => (time === undefined ? undefined : { time }),
  reply: nothing,
  effect: 'once',
  timeLimitMs: slowReadMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ time?: bigint }, void>;
