/** guest-exec (QEMU 2.5; modes of capture since 8.0): starts a program; answers its pid. A lost reply may have started it. */

import type { AgentCommand } from '../command.ts';
import { quickMs, smallReply } from '../limits.ts';
import { asCount, asObject } from '../shape.ts';

export interface Execution {
  path: string;
  arg?: string[];
  /** `NAME=VALUE`; replaces the agent's whole environment. */
  env?: string[];
  /** Base64. */
  input?: string;
  /** True stands for `separated`, which agents before 8.0 know no other word for. */
  capture?: boolean | 'none' | 'stdout' | 'stderr' | 'separated' | 'merged';
}

export const exec = {
  name: 'guest-exec',
  arguments: ({ path, arg, env, input, capture }) => ({
    path,
    ...(arg && { arg }),
    ...(env && { env }),
    ...(input !== undefined && { 'input-data': input }),
    ...(capture !== undefined && { 'capture-output': capture }),
  }),
  reply: (value) => asCount(asObject(value, 'return').pid, 'pid'),
  effect: 'once',
  timeLimitMs: quickMs,
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<Execution, number>;
