/** guest-exec-status: the state of a process that guest-exec started. Once it has reported the end and the output, both are forgotten. */

import type { Json } from '../../../protocol/json.ts';
import { Base64, type Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import type { Output } from '../system/output.ts';

export const execStatus: Command = {
  takes: { pid: { type: 'integer' } },
  run({ log, processes }, args) {
    const pid = args.pid as number | bigint;
    log.audit(`guest-exec-status called, pid: ${pid}`);
    const process = processes.find(pid);
    if (!process) throw new CommandError(`PID ${pid} does not exist`);
    if (!process.end) return { exited: false };
    processes.forget(pid);
    const end: Record<string, Json> = 'code' in process.end ? { exitcode: process.end.code } : { signal: process.end.signal };
    return { exited: true, ...end, ...describeOutput('out', process.out), ...describeOutput('err', process.err) };
  },
};

/** A stream that stayed empty is left out. */
function describeOutput(stream: 'out' | 'err', output: Output): Record<string, Json | Base64> {
  if (output.length() === 0) return {};
  return { [`${stream}-data`]: new Base64(output.join()), [`${stream}-truncated`]: output.isTruncated() };
}
