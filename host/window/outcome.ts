/** From the facts of a window to its outcome: what can be said of the freeze, and nothing more. */

import { StillframeError, messageOf } from '../../model/errors.ts';
import { freezableCount } from '../../model/grade.ts';
import type { CapturedDisk, GuestClaim, Reason, ThawedBy, WindowOutcome } from '../../model/window.ts';
import { monotonicMs } from '../clock.ts';
import type { Intent } from '../journal/journal.ts';
import type { Discharged } from './discharge.ts';

/** Monotonic milliseconds, or null for what was not reached. */
export interface WindowFacts {
  claim: GuestClaim;
  disks: CapturedDisk[];
  skipped: Reason[];
  freezeSentMs: number | null;
  freezeRepliedMs: number | null;
  captureMs: number | null;
  proofMs: number | null;
  /** Wall clock of the point in time. */
  capturedAt: string | null;
  reference: string | null;
}

/** The outcome of a window that this process held. `failure` counts only while there is no point in time. */
export function recordOutcome(
  intent: Intent,
  facts: WindowFacts,
  discharged: Discharged,
  by: ThawedBy,
  failure: unknown,
): WindowOutcome {
  const { freezeSentMs, freezeRepliedMs } = facts;
  const captured = facts.capturedAt !== null;
  const claim = { ...facts.claim, thawedCount: discharged.thawedCount };
  return {
    ...identity(intent),
    pointInTimeAt: facts.capturedAt,
    times: {
      freezeMs: span(freezeSentMs, freezeRepliedMs),
      pointInTimeMs: facts.captureMs,
      proofMs: facts.proofMs,
      thawMs: span(discharged.thawSentMs, discharged.thawRepliedMs),
      heldMs: span(freezeSentMs, discharged.thawRepliedMs ?? monotonicMs()),
    },
    thawedBy: by,
    closing: discharged.closing,
    claim,
    disks: captured ? facts.disks : [],
    skipped: facts.skipped,
    reference: facts.reference,
    reasons: captured ? doubts(claim, discharged, by) : [],
    failure: captured ? null : describeFailure(failure),
  };
}

/** The outcome of a window whose process is gone: what it knew besides its intent went with it. */
export function recordInterrupted(intent: Intent, discharged: Discharged, by: ThawedBy): WindowOutcome {
  return {
    ...identity(intent),
    pointInTimeAt: null,
    times: {
      freezeMs: null,
      pointInTimeMs: null,
      proofMs: null,
      thawMs: span(discharged.thawSentMs, discharged.thawRepliedMs),
      heldMs: null,
    },
    thawedBy: by,
    closing: discharged.closing,
    claim: { ...intent.claim, thawedCount: discharged.thawedCount },
    disks: [],
    skipped: [],
    reference: null,
    reasons: [],
    failure: {
      code: 'window-lost',
      message: `the process that held the window (pid ${intent.pid}) was gone or stopped; the thaw was sent for it`,
    },
  };
}

function identity({ guest, backup, attempt, epoch, leaseMs, openedAt }: Intent) {
  return { guest, backup, attempt, epoch, leaseMs, openedAt, closedAt: new Date().toISOString() };
}

/** Every reason for which the freeze cannot be said to have held, on all filesystems, through the point in time. */
function doubts(claim: GuestClaim, discharged: Discharged, by: ThawedBy): Reason[] {
  const reasons: Reason[] = [];
  if (!claim.frozenAfterPointInTime)
    reasons.push(by === 'lease' ? 'lease-expired' : by === 'event' ? 'guest-event' : 'freeze-not-held');
  const frozen = claim.frozenCount ?? 0;
  const freezable = freezableCount(claim.filesystems);
  if (frozen < freezable) reasons.push(`mounts-not-frozen ${freezable - frozen} of ${freezable}`);
  if (discharged.thawedCount === null) reasons.push('thaw-unanswered');
  else if (discharged.thawedCount < frozen) reasons.push(`thaw-found ${discharged.thawedCount} of ${frozen}`);
  return reasons;
}

function describeFailure(failure: unknown): { code: string; message: string } {
  if (failure instanceof StillframeError) return { code: failure.code, message: failure.message };
  return {
    code: 'window-lost',
    message: failure === undefined ? 'the window ended before a point in time was taken' : messageOf(failure),
  };
}

function span(fromMs: number | null, toMs: number | null): number | null {
  return fromMs === null || toMs === null ? null : Math.round((toMs - fromMs) * 1000) / 1000;
}
