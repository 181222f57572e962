/** guest-get-vcpus (QEMU 1.5): the guest’s processors. */

import type { AgentCommand } from '../command.ts';
import { listReply, quickMs } from '../limits.ts';
import { asArray, asBoolean, asCount, asObject, noArguments, optional } from '../shape.ts';

export interface Vcpu {
  id: number;
  online: boolean;
  canOffline: boolean | undefined;
}

export const getVcpus = {
  name: 'guest-get-vcpus',
  arguments: noArguments,
  reply: (value) =>
    asArray(value, 'return').map((each) => {
      const processor = asObject(each, 'return[]');
      return {
        id: asCount(processor['logical-id'], 'logical-id'),
        online: asBoolean(processor.online, 'online'),
        canOffline: optional(processor['can-offline'], 'can-offline', asBoolean),
      };
    }),
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: listReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, Vcpu[]>;
