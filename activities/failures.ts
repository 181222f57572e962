/** From our errors to Temporal's failures: the code is the type, and the kind says whether trying again can help. */

import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { StillframeError, type ErrorCode, type ErrorKind } from '../model/errors.ts';

/** Whether Temporal may try an activity again by itself. What a guest or a rule refused stays refused until somebody acts. */
const retryable: Record<ErrorKind, boolean> = {
  refused: false,
  invalid: false,
  protocol: false,
  'wrong-host': false,
  'not-running': false,
  interrupted: true,
  'timed-out': true,
};

/** Final interruptions: the object of the request no longer exists, so another attempt would fail in the same way. */
const final = new Set<ErrorCode>(['point-in-time-lost', 'scratch-exhausted', 'window-lost', 'lease-expired', 'guest-stopped']);

/** Runs an activity's body; a StillframeError leaves it as a failure whose `type` is its code and whose details are its facts. */
export async function mapErrors<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof StillframeError)) throw error;
    const again = retryable[error.kind] && !final.has(error.code);
    throw ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: !again,
      details: [error.facts],
      // A refusal is an answer, not an incident: it belongs in the history and not in the worker's warnings.
      ...(again ? {} : { category: ApplicationFailureCategory.BENIGN }),
      ...(error.cause instanceof Error ? { cause: error.cause } : {}),
    });
  }
}
