/** A closed window for people: how long, ended by whom, and what speaks against it. */

import type { Reason } from '../../model/window/reasons.ts';
import { formatDuration, formatUpperBound } from '../../model/units.ts';
import type { LeaseClaim, WindowEnd, WindowOutcome, WindowTimes } from '../../model/window/window.ts';
import { formatTime } from './text.ts';

type Field = readonly [label: string, value: string | readonly string[]];

export function windowFields(window: WindowOutcome): Field[] {
  const { times, claim } = window;
  const steps = [
    ['freeze', times.freezeMs],
    ['point in time', times.pointInTimeMs],
    ['proof', times.proofMs],
    ['thaw', times.thawMs],
  ] as const;
  const taken = steps.flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${formatDuration(ms)}`]));
  return [
    ['point in time', window.pointInTimeAt === null ? 'none' : formatTime(window.pointInTimeAt)],
    ['held', `${heldText(times, null)} of ${formatDuration(window.leaseMs)} lease`],
    ['steps', taken.length === 0 ? 'none' : taken.join(', ')],
    ['thawed by', `${window.thawedBy} (${window.closing})`],
    ['agent', `${claim.agent} ${claim.version}, ${frozen(claim.frozenCount)} frozen`],
    ...(claim.lease ? leaseFields(window.epoch, claim.lease) : []),
    ...(window.reference === null ? [] : [['reference', window.reference] as const]),
  ];
}

/** How long writes stood: as the host measured it, or its bound, with the guest's own word where that is all that was measured. */
export function heldText({ heldMs, heldAtMostMs }: WindowTimes, guestHeldMs: number | null): string {
  if (heldMs !== null) return formatDuration(heldMs);
  const byGuest = guestHeldMs === null ? '' : `${formatDuration(guestHeldMs)} by the guest's clock`;
  if (typeof heldAtMostMs !== 'number') return byGuest || 'not known';
  return byGuest ? `${formatUpperBound(heldAtMostMs)} (${byGuest})` : formatUpperBound(heldAtMostMs);
}

/** How a window ended, in one line; `failure` only where there is no point in time. */
export function windowEndText({ closedAt, leaseMs, times, guestHeldMs, thawedBy, closing, failure }: WindowEnd): string {
  const why = failure === null ? '' : `; no point in time: ${failure.message}`;
  return `closed ${formatTime(closedAt)}, thawed by ${thawedBy} (${closing}), writes stood ${heldText(times, guestHeldMs)} of ${formatDuration(leaseMs)} lease${why}`;
}

export function reasonField(reasons: readonly Reason[]): Field {
  return ['reasons', reasons.length === 0 ? 'none' : reasons];
}

/** By the guest's own clock and word; `held` above is the host's. */
function leaseFields(epoch: number, { bootId, heldMs, leaseFired, hooks }: LeaseClaim): Field[] {
  const held = heldMs === null ? '' : `, held ${formatDuration(heldMs)} by the guest's clock`;
  return [
    ['epoch', `${epoch} in boot ${bootId}${held}${leaseFired === true ? ', ended by the lease inside the guest' : ''}`],
    ...(hooks.length === 0 ? [] : [['hooks', hooks.map(({ name, outcome }) => `${name} ${outcome}`)] as const]),
  ];
}

function frozen(count: number | null): string {
  return count === null ? 'an unknown number of filesystems' : `${count} ${count === 1 ? 'filesystem' : 'filesystems'}`;
}
