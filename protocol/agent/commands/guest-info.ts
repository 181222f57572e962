/** guest-info (QEMU 0.15): the agent's version, and the commands that it has and allows now. */

import type { AgentCommand } from '../command.ts';
import { quickMs, reportReply } from '../limits.ts';
import { asArray, asBoolean, asObject, asString, noArguments } from '../shape.ts';

export interface AgentInfo {
  version: string;
  commands: { name: string; enabled: boolean }[];
}

export const info = {
  name: 'guest-info',
  arguments: noArguments,
  reply(value) {
    const reply = asObject(value, 'return');
    const commands = asArray(reply.supported_commands, 'supported_commands').map((each) => {
      const command = asObject(each, 'supported_commands[]');
      return { name: asString(command.name, 'name'), enabled: asBoolean(command.enabled, 'enabled') };
    });
    return { version: asString(reply.version, 'version'), commands };
  },
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: reportReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, AgentInfo>;
