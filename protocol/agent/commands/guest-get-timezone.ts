/** guest-get-timezone (QEMU 2.10): the guest’s offset from UTC at this moment. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asInteger, asObject, asString, noArguments, optional } from '../shape.ts';

export interface Timezone {
  /** `CEST` */
  zone: string | undefined;
  /** Seconds east of UTC. */
  offset: number;
}

export const getTimezone = {
  name: 'guest-get-timezone',
  arguments: noArguments,
  reply(value) {
    const reply = asObject(value, 'return');
    return { zone: optional(reply.zone, 'zone', asString), offset: Number(asInteger(reply.offset, 'offset')) };
  },
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, Timezone>;
