/** guest-exec-status (QEMU 2.5): whether a process has ended, and how. The agent forgets it with the reply that reports the end. */

import type { AgentCommand } from '../command.ts';
import { dataReply, slowReadMs } from '../limits.ts';
import { asBoolean, asCount, asData, asObject, optional } from '../shape.ts';

export interface ExecStatus {
  /** It has ended, and so has every process that held its output. */
  exited: boolean;
  exitCode: number | undefined;
  signal: number | undefined;
  /** Base64; undefined for a stream that stayed empty or was not captured. */
  out: string | undefined;
  err: string | undefined;
  /** Agents from 2.5 to 10.1 say false here when output was lost: 16 MiB of it mean the same as true. */
  outTruncated: boolean | undefined;
  errTruncated: boolean | undefined;
}

export const execStatus = {
  name: 'guest-exec-status',
  arguments: ({ pid }) => ({ pid }),
  reply(value) {
    const status = asObject(value, 'return');
    return {
      exited: asBoolean(status.exited, 'exited'),
      exitCode: optional(status.exitcode, 'exitcode', asCount),
      signal: optional(status.signal, 'signal', asCount),
      out: optional(status['out-data'], 'out-data', asData),
      err: optional(status['err-data'], 'err-data', asData),
      outTruncated: optional(status['out-truncated'], 'out-truncated', asBoolean),
      errTruncated: optional(status['err-truncated'], 'err-truncated', asBoolean),
    };
  },
  effect: 'once',
  timeLimitMs: slowReadMs,
  maxReplyBytes: dataReply,
  answersSuccess: true,
} satisfies AgentCommand<{ pid: number }, ExecStatus>;
