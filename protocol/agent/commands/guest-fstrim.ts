/** guest-fstrim (QEMU 1.2; results since 2.4): gives unused blocks back to the host, filesystem by filesystem. */

import type { AgentCommand } from '../command.ts';
import { listReply } from '../limits.ts';
import { asArray, asInteger, asObject, asString, optional } from '../shape.ts';

export interface TrimResult {
  path: string;
  /** Bytes; absent with an error. */
  trimmed: bigint | undefined;
  minimum: bigint | undefined;
  error: string | undefined;
}

/** A big disk takes minutes; Proxmox waits as long. */
const trimMs = 600_000;

export const fstrim = {
  name: 'guest-fstrim',
  arguments: ({ minimum }) => ({ minimum }),
  reply: (value) =>
    asArray(asObject(value, 'return').paths, 'paths').map((each) => {
      const result = asObject(each, 'paths[]');
      return {
        path: asString(result.path, 'path'),
        trimmed: optional(result.trimmed, 'trimmed', asInteger),
        minimum: optional(result.minimum, 'minimum', asInteger),
        error: optional(result.error, 'error', asString),
      };
    }),
  effect: 'idempotent',
  timeLimitMs: trimMs,
  maxReplyBytes: listReply,
  answersSuccess: true,
} satisfies AgentCommand<{ minimum: number }, TrimResult[]>;
