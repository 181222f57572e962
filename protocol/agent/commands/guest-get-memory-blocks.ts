/** guest-get-memory-blocks (QEMU 2.3): the blocks in which the guest’s memory can be turned on and off. */

import type { AgentCommand } from '../command.ts';
import { listReply, slowReadMs } from '../limits.ts';
import { asArray, asBoolean, asInteger, asObject, noArguments, optional } from '../shape.ts';

export interface MemoryBlock {
  index: bigint;
  online: boolean;
  canOffline: boolean | undefined;
}

export const getMemoryBlocks = {
  name: 'guest-get-memory-blocks',
  arguments: noArguments,
  reply: (value) =>
    asArray(value, 'return').map((each) => {
      const block = asObject(each, 'return[]');
      return {
        index: asInteger(block['phys-index'], 'phys-index'),
        online: asBoolean(block.online, 'online'),
        canOffline: optional(block['can-offline'], 'can-offline', asBoolean),
      };
    }),
  effect: 'read',
  timeLimitMs: slowReadMs,
  maxReplyBytes: listReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, MemoryBlock[]>;
