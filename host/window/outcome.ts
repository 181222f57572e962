/** From the facts of a window to its outcome: what can be said of the freeze, and nothing more. */

import { StillframeError, messageOf } from '../../model/errors.ts';
import { boundOutcome } from '../../model/window/bounds.ts';
import { unfrozen } from '../../model/window/grading.ts';
import { uncaptured, type DiskPlaces } from '../../model/window/places.ts';
import { reason, type Reason } from '../../model/window/reasons.ts';
import type { CapturedDisk, GuestClaim, ThawedBy, WindowOutcome } from '../../model/window/window.ts';
import { hostBootId, monotonicMs } from '../../lib/clock.ts';
import type { Intent } from '../journal/intent.ts';
import type { Discharged } from './discharge.ts';

/** Monotonic milliseconds, or null for what was not reached. */
export interface WindowFacts {
  claim: GuestClaim;
  disks: CapturedDisk[];
  skipped: string[];
  /** Where the disks are attached; null where something else than this host takes the point in time. */
  places: DiskPlaces | null;
  freezeSentMs: number | null;
  freezeRepliedMs: number | null;
  captureMs: number | null;
  proofMs: number | null;
  /** What the guest said at the proof against the freeze having held. */
  proofDoubts: Reason[];
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
  const claim = afterThaw(facts.claim, discharged);
  return boundOutcome({
    ...identity(intent),
    pointInTimeAt: facts.capturedAt,
    times: {
      freezeMs: span(freezeSentMs, freezeRepliedMs),
      pointInTimeMs: facts.captureMs,
      proofMs: facts.proofMs,
      thawMs: span(discharged.thawSentMs, discharged.thawRepliedMs),
      heldMs: span(freezeSentMs, discharged.thawRepliedMs ?? monotonicMs()),
    },
    thawedBy: thawedBy(by, discharged),
    closing: discharged.closing,
    claim,
    disks: captured ? facts.disks : [],
    skipped: facts.skipped,
    reference: facts.reference,
    reasons: captured
      ? [
          ...doubts(claim, facts.proofDoubts, discharged, by),
          ...(facts.places ? uncaptured(claim.filesystems, facts.places) : []),
        ]
      : [],
    failure: captured ? null : describeFailure(failure),
  });
}

/** The outcome of a window whose process is gone: what it knew besides its intent went with it. */
export function recordInterrupted(intent: Intent, discharged: Discharged, by: ThawedBy): WindowOutcome {
  return boundOutcome({
    ...identity(intent),
    pointInTimeAt: null,
    times: {
      freezeMs: null,
      pointInTimeMs: null,
      proofMs: null,
      thawMs: span(discharged.thawSentMs, discharged.thawRepliedMs),
      heldMs: null,
      // The first byte of the freeze comes after the intent, so writes cannot have stood longer.
      heldAtMostMs: intent.hostBoot === hostBootId() ? span(intent.startedMs, monotonicMs()) : null,
    },
    thawedBy: thawedBy(by, discharged),
    closing: discharged.closing,
    claim: afterThaw(intent.claim, discharged),
    disks: [],
    skipped: [],
    reference: null,
    reasons: [],
    failure: {
      code: 'window-lost',
      message: `the process that held the window (pid ${intent.pid}) was gone or stopped; the thaw was sent for it`,
    },
  });
}

function identity({ guest, backup, attempt, epoch, leaseMs, openedAt }: Intent) {
  return { guest, backup, attempt, epoch, leaseMs, openedAt, closedAt: new Date().toISOString() };
}

/** The thaw that was sent found nothing left to do when the lease inside the guest had ended the freeze. */
function thawedBy(by: ThawedBy, { answer }: Discharged): ThawedBy {
  return answer?.epoch?.leaseFired ? 'guest' : by;
}

function afterThaw(claim: GuestClaim, { answer }: Discharged): GuestClaim {
  const thawed = { ...claim, thawedCount: answer?.count ?? null };
  if (!claim.lease || !answer?.epoch) return thawed;
  const { heldMs, leaseFired, hooks } = answer.epoch;
  return { ...thawed, lease: { ...claim.lease, heldMs, leaseFired, thawHooks: hooks } };
}

/** Every reason for which the freeze cannot be said to have held, on all filesystems, through the point in time. */
function doubts(claim: GuestClaim, proofDoubts: Reason[], { answer, bootId }: Discharged, by: ThawedBy): Reason[] {
  const reasons: Reason[] = [];
  const { lease, frozenCount } = claim;
  if (!claim.frozenAfterPointInTime) reasons.push(...notHeld(proofDoubts, by, lease?.leaseFired === true));
  reasons.push(...unfrozen(claim));
  const frozen = frozenCount ?? 0;
  if (answer === null) {
    const restarted = lease !== undefined && bootId !== null && bootId !== lease.bootId;
    reasons.push(reason(restarted ? 'guest-restarted' : 'thaw-unanswered'));
  } else if (answer.count < frozen) reasons.push(reason('thaw-found', `${answer.count} of ${frozen}`));
  return [...new Set(reasons)];
}

/** What the guest said at the proof; where that was only "not frozen", or nothing, what ended the freeze says why. */
function notHeld(proofDoubts: Reason[], by: ThawedBy, leaseFired: boolean): Reason[] {
  if (proofDoubts.length > 0 && !proofDoubts.includes(reason('freeze-not-held'))) return proofDoubts;
  if (by === 'lease' || leaseFired) return [reason('lease-expired')];
  return [reason(by === 'event' ? 'guest-event' : 'freeze-not-held')];
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
