/** guest-shutdown (QEMU 0.15): asks the guest to end. Answers only when it fails; that it works shows in QEMU's SHUTDOWN or RESET event. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { noArguments } from '../shape.ts';

export type ShutdownMode = 'halt' | 'powerdown' | 'reboot';

export const shutdown = {
  name: 'guest-shutdown',
  arguments: ({ mode }) => ({ mode }),
  reply: noArguments,
  effect: 'once',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: false,
} satisfies AgentCommand<{ mode: ShutdownMode }, undefined>;
