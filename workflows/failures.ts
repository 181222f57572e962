/** What an activity's failure means to a workflow. */

import { ActivityFailure, ApplicationFailure, TimeoutFailure, workflowInfo } from '@temporalio/workflow';
import { errorCodes, messageOf, type ErrorCode } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { WindowOutcome } from '../model/window/window.ts';
import { checkInput, type InputName } from '../model/workflows/inputs.ts';
import { checkMessage } from '../model/workflows/messages.ts';

/**
 * The code that the host answered with; undefined when the activity was lost and it is unknown what it did. So it is for a failure
 * without a code of ours too: the server or the SDK made it, of a result that they did not accept.
 */
export function answeredCode(error: unknown): ErrorCode | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  const type = cause instanceof ApplicationFailure ? cause.type : undefined;
  return type && Object.hasOwn(errorCodes, type) ? (type as ErrorCode) : undefined;
}

/** Whether nobody picked the activity up in time, so that nothing has happened. */
export function neverStarted(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
}

export function hostAbsent(host: HostId): ApplicationFailure {
  return failure(
    'host-absent',
    `host ${host} does not take work: is "stillframe worker host" (or "stillframe up") running there?`,
  );
}

export function windowFailed(outcome: WindowOutcome): ApplicationFailure | null {
  return outcome.failure && failure(outcome.failure.code, outcome.failure.message);
}

/** The input of a workflow, checked before anything happens. @throws ApplicationFailure input-invalid, for good */
export function checkedInput<Name extends InputName>(name: Name, given: unknown) {
  try {
    return checkInput(name, given);
  } catch (error) {
    throw failure('input-invalid', messageOf(error));
  }
}

/** A message of a workflow that is named after what it is about. @throws ApplicationFailure input-invalid, also when it is about another one */
export function checkedMessage<Name extends 'announce' | 'arm' | 'disarm'>(
  name: Name,
  given: unknown,
  { id }: { id: (about: ReturnType<typeof checkMessage<Name>>) => string },
) {
  let message;
  try {
    message = checkMessage(name, given);
  } catch (error) {
    throw failure('input-invalid', messageOf(error));
  }
  const { workflowId } = workflowInfo();
  if (id(message) === workflowId) return message;
  throw failure('input-invalid', `${name} is refused: it is for the workflow ${id(message)}, and this is ${workflowId}`);
}

export function failure(code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: code, message, nonRetryable: true });
}
