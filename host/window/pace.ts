/** How soon an unconfirmed thaw is tried again, and which of its failures are logged: by kind of failure, each counted apart. */

import { isStillframeError, messageOf } from '../../model/errors.ts';
import type { Log } from '../../lib/log.ts';

export interface Pace {
  /** Logs a failed try unless its kind has been logged often enough. Undefined: the agent answered, but not that the guest is thawed. */
  report(error: unknown): void;
  /** Milliseconds until the next try. */
  pauseMs(error: unknown): number;
}

/** Of one pursuit: the counts begin with it and are never reset, or a guest could buy quick retries by a good answer now and then. */
export function createPace(log: Log): Pace {
  const pauses = new Map<readonly number[], number>();
  const failures = new Map<string, number>();
  let tries = 0;

  return {
    report(error) {
      tries++;
      const code = error === undefined ? 'not-thawed' : isStillframeError(error) ? error.code : 'unexpected';
      const times = next(failures, code);
      // Not compared by text: the guest writes part of it and could vary it to fill the log.
      if (times & (times - 1)) return;
      const why = error === undefined ? 'the answers of the agent do not show that the guest is thawed' : messageOf(error);
      log(tries <= quietTries ? 'warn' : 'error', `thaw not confirmed yet (attempt ${tries}): ${why}`, { code, times });
    },
    pauseMs(error) {
      const steps = stepsAfter(error);
      return steps[Math.min(next(pauses, steps), steps.length) - 1]!;
    },
  };
}

function next<Key>(counts: Map<Key, number>, key: Key): number {
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  return count;
}

function stepsAfter(error: unknown): readonly number[] {
  if (error === undefined || isStillframeError(error, 'agent-refused')) return afterAnswer;
  const invalid = isStillframeError(error, 'agent-too-large') || isStillframeError(error, 'agent-garbled');
  return invalid ? afterInvalid : afterSilence;
}

/** The agent answers as it should and the guest may be frozen: each pause is frozen time. Such a try costs a few hundred bytes. */
const afterAnswer = [0, 100, 500];

/** Once immediately, in case only the reply was lost. An agent that comes back must be asked at once: each pause is frozen time. */
const afterSilence = [0, 100, 500];

/**
 * The agent sends what no agent sends, up to 10 MiB a try, to the process that holds the windows of all guests: at most 10 MiB a
 * minute in the long run. The first pauses are those of silence, since a fault of a moment must not cost a minute of frozen time.
 */
const afterInvalid = [...afterSilence, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 60_000];

/** The first retries are routine (logged as warnings); later ones need attention (errors). */
const quietTries = 3;
