/** guest-get-osinfo (QEMU 2.10): what uname(2) and os-release(5) say; every key may be absent. */

import type { AgentCommand } from '../command.ts';
import { slowReadMs, smallReply } from '../limits.ts';
import { asObject, asString, noArguments, optional } from '../shape.ts';

export interface SystemInfo {
  name: string | undefined;
  prettyName: string | undefined;
  kernelRelease: string | undefined;
}

export const getOsinfo = {
  name: 'guest-get-osinfo',
  arguments: noArguments,
  reply(value) {
    const system = asObject(value, 'return');
    return {
      name: optional(system.name, 'name', asString),
      prettyName: optional(system['pretty-name'], 'pretty-name', asString),
      kernelRelease: optional(system['kernel-release'], 'kernel-release', asString),
    };
  },
  effect: 'read',
  timeLimitMs: slowReadMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, SystemInfo>;
