/**
 * Bounds what a guest writes into records: claims and outcomes go into the journal, into histories and into manifests, and the
 * server refuses a payload of 2 MiB (temporal, limit.blobSize.error), after which a backup could not be released.
 */

import { byEffect, reason, type Reason } from './reasons.ts';
import type { GuestClaim, GuestFilesystem, GuestHook, LeaseClaim, WindowOutcome } from './window.ts';

/** UTF-16 units of JSON, which are three bytes each at most. Hundreds of filesystems fit, and dozens of hooks and reasons. */
const mostOfFilesystems = 16_000;
const mostOfHooks = 4_000;
const mostOfReasons = 8_000;

/** Versions, boot ids and the like have tens. */
const longestWord = 256;

/** An error's sentence, with what a program printed. */
const longestMessage = 2_000;

/** The first of `all` whose JSON is at most `most` UTF-16 units long. */
export function fitting<T>(all: readonly T[], most: number): T[] {
  let length = 0;
  const beyond = all.findIndex((each) => (length += JSON.stringify(each).length + 1) > most);
  return beyond < 0 ? [...all] : all.slice(0, beyond);
}

export function boundClaim(claim: GuestClaim): GuestClaim {
  return {
    ...claim,
    version: claim.version.slice(0, longestWord),
    filesystems: fitting(claim.filesystems.map(withoutPlaces), mostOfFilesystems),
    ...(claim.lease && { lease: boundLease(claim.lease) }),
  };
}

/** What it left out is a reason, by its count. Call it when all reasons are known: they rest on the whole claim. */
export function boundOutcome(outcome: WindowOutcome): WindowOutcome {
  const claim = boundClaim(outcome.claim);
  const reasons = [...outcome.reasons, ...cuts(outcome.claim, claim)];
  const kept = fitting(byEffect(reasons), mostOfReasons);
  if (kept.length < reasons.length) kept.push(reason('reasons-cut', `${kept.length} of ${reasons.length}`));
  return {
    ...outcome,
    claim,
    reasons: outcome.pointInTimeAt === null ? [] : kept,
    failure: outcome.failure && { ...outcome.failure, message: outcome.failure.message.slice(0, longestMessage) },
  };
}

/** The reasons that follow from the places are kept, and not the places. */
function withoutPlaces(filesystem: GuestFilesystem): GuestFilesystem {
  const { places: _, ...kept } = filesystem;
  return kept;
}

function boundLease(lease: LeaseClaim): LeaseClaim {
  return {
    ...lease,
    bootId: lease.bootId.slice(0, longestWord),
    hooks: fitting(lease.hooks, mostOfHooks),
    thawHooks: lease.thawHooks && fitting(lease.thawHooks, mostOfHooks),
  };
}

function cuts(whole: GuestClaim, kept: GuestClaim): Reason[] {
  const hooks = (lease: LeaseClaim | undefined): GuestHook[] => [...(lease?.hooks ?? []), ...(lease?.thawHooks ?? [])];
  const counts = [
    ['filesystems-cut', whole.filesystems.length, kept.filesystems.length],
    ['hooks-cut', hooks(whole.lease).length, hooks(kept.lease).length],
  ] as const;
  return counts.flatMap(([code, all, some]) => (some < all ? [reason(code, `${some} of ${all}`)] : []));
}
