/** What went wrong, said by what the caller can do about it: one error class, a stable code, and the facts as fields. */

/**
 * What the caller can do.
 * - `refused`: the peer or one of our rules refused; nothing happened.
 * - `interrupted`: the outcome is unknown; ask for it before any new attempt.
 * - `protocol`: the peer is broken; trying again will not help.
 * - `timed-out`: no answer in time; the outcome is unknown unless the command only reads.
 * - `wrong-host`: the guest is not on this host.
 * - `not-running`: the guest is off, paused, or its agent is absent.
 * - `invalid`: the input is wrong; the message names field, value and what to do.
 */
export type ErrorKind = 'refused' | 'interrupted' | 'protocol' | 'timed-out' | 'wrong-host' | 'not-running' | 'invalid';

/** Every error code with its kind. Codes are stable: programs and docs/ refer to them. */
export const errorCodes = {
  'agent-absent': 'not-running',
  'agent-refused': 'refused',
  'agent-timed-out': 'timed-out',
  'agent-garbled': 'protocol',
  'agent-too-large': 'protocol',
  'channel-held': 'refused',
  'channel-unreachable': 'not-running',
  'channel-closed': 'interrupted',
  'channel-busy': 'refused',
  'monitor-held': 'refused',
  'monitor-unreachable': 'not-running',
  'monitor-closed': 'interrupted',
  'monitor-refused': 'refused',
  'monitor-timed-out': 'timed-out',
  'monitor-garbled': 'protocol',
  'guest-unknown': 'wrong-host',
  'guest-id-unknown': 'not-running',
  'guest-uuid-zero': 'refused',
  'guest-ambiguous': 'refused',
  'guest-not-running': 'not-running',
  'guest-migrating': 'refused',
  'guest-carries': 'refused',
  'guest-frozen': 'refused',
  'guest-stopped': 'interrupted',
  'host-id-taken': 'refused',
  'host-id-served': 'refused',
  'host-absent': 'not-running',
  'window-open': 'refused',
  'window-gone': 'refused',
  'window-too-soon': 'refused',
  'window-too-many': 'refused',
  'obligation-open': 'refused',
  'lease-too-long': 'refused',
  'lease-expired': 'interrupted',
  'window-lost': 'interrupted',
  'freeze-nothing': 'refused',
  'thaw-unconfirmed': 'interrupted',
  'journal-unwritable': 'refused',
  'journal-damaged': 'refused',
  'scratch-no-room': 'refused',
  'scratch-unwritable': 'refused',
  'scratch-exhausted': 'interrupted',
  'point-in-time-failed': 'refused',
  'point-in-time-lost': 'interrupted',
  'release-unfinished': 'interrupted',
  'snapshot-unknown': 'refused',
  'snapshot-failed': 'refused',
  'copy-failed': 'interrupted',
  'repository-unknown': 'refused',
  'repository-missing': 'refused',
  'repository-changed': 'refused',
  'repository-unwritable': 'refused',
  'point-unknown': 'invalid',
  'point-damaged': 'protocol',
  'point-unproven': 'refused',
  'chunk-missing': 'protocol',
  'chunk-damaged': 'protocol',
  'key-missing': 'refused',
  'key-wrong': 'refused',
  'target-no-room': 'refused',
  'target-unwritable': 'refused',
  'backup-running': 'refused',
  'backup-unknown': 'invalid',
  'nbd-unreachable': 'not-running',
  'nbd-refused': 'refused',
  'nbd-context-missing': 'refused',
  'nbd-request-failed': 'refused',
  'nbd-closed': 'interrupted',
  'nbd-garbled': 'protocol',
  'nbd-address-unusable': 'refused',
  'temporal-unreachable': 'not-running',
  'temporal-denied': 'refused',
  'connection-invalid': 'invalid',
  'payload-key-unknown': 'invalid',
  'payload-unreadable': 'protocol',
  'control-absent': 'not-running',
  'command-unanswered': 'timed-out',
  'state-in-use': 'refused',
  'config-invalid': 'invalid',
  'input-invalid': 'invalid',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCodes;

/** Facts that a message was built from; plain JSON, small, safe to show once escaped. */
export type Facts = Readonly<Record<string, string | number | boolean | null>>;

/** The only error type that code below workers/ throws deliberately. `message` is one sentence that ends with what to do. */
export class StillframeError extends Error {
  override readonly name = 'StillframeError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly facts: Facts;

  constructor(code: ErrorCode, message: string, facts: Facts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.kind = errorCodes[code];
    this.facts = facts;
  }
}

/** Whether `error` is a StillframeError with one of `codes` (with any code when none is given). */
export function isStillframeError(error: unknown, ...codes: ErrorCode[]): error is StillframeError {
  return error instanceof StillframeError && (codes.length === 0 || codes.includes(error.code));
}

/** The sentence of any thrown value; in quickjs a thrown value can be null. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
