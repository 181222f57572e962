/** What a restore point is worth, from what the guest claimed and what was observed on its disks. */

import type { DiskInspection } from '../point/point.ts';
import type { Grade } from './grade.ts';
import { byEffect, effectOf, reason, type Reason } from './reasons.ts';
import type { GuestClaim, GuestFilesystem, LeaseClaim, WindowOutcome } from './window.ts';

/**
 * Filesystems that no kernel can freeze and that hold no data of applications: named, and no reason to grade down.
 * They have no freeze operation (FIFREEZE answers EOPNOTSUPP).
 */
const neverFreezable = new Set(['vfat', 'msdos', 'iso9660', 'squashfs']);

/**
 * The grade of a point that has one point in time for all its disks.
 * `filesystem` needs every link: frozen, held through the point in time, and each disk seen clean (or named as not inspected).
 * `application` needs hooks besides, each of which reported success by name; a stock agent does not report hooks.
 */
export function gradePoint(
  window: Pick<WindowOutcome, 'claim' | 'reasons'>,
  disks: readonly { name: string; inspection: DiskInspection }[],
): { grade: Grade; reasons: Reason[] } {
  const { filesystems, lease } = window.claim;
  const reasons = byEffect([
    ...window.reasons,
    ...filesystems.filter(isNeverFreezable).map(({ mountpoint, type }) => reason('not-freezable', mountpoint, type)),
    ...disks.flatMap(({ name, inspection }) => observed(name, inspection)),
    ...(lease ? hookReasons(lease) : []),
  ]);
  return { grade: gradeOf(reasons, (lease?.hooks.length ?? 0) > 0), reasons };
}

/** A guest without hooks has reported nothing about an application: that is not a failure, and not a claim to grade up for. */
function gradeOf(reasons: readonly Reason[], hasHooks: boolean): Grade {
  const effects = new Set(reasons.map(effectOf));
  if (effects.has('lowers')) return 'crash-atomic';
  return hasHooks && !effects.has('not-application') ? 'application' : 'filesystem';
}

function observed(disk: string, { result, filesystems }: DiskInspection): Reason[] {
  if (result === 'not-inspected' && filesystems.length === 0) return [reason('not-inspected', disk, 'unknown')];
  return filesystems.flatMap((found) => {
    if (found.result === 'clean') return [];
    return [reason(found.result === 'dirty' ? 'disk-not-clean' : 'not-inspected', disk, found.type)];
  });
}

/**
 * Why not every hook can be said to have succeeded. Hooks of the thaw count too: one that finds then that its application was lost
 * (a lock that went with its session) speaks against the whole time before.
 */
function hookReasons({ hooks, thawHooks }: LeaseClaim): Reason[] {
  const failed = (all: LeaseClaim['hooks']) => all.filter(({ outcome }) => outcome !== 'success');
  return [
    ...failed(hooks).map(({ name }) => reason('hook-failed', name)),
    ...failed(thawHooks ?? []).map(({ name }) => reason('thaw-hook-failed', name)),
    ...(hooks.length > 0 && thawHooks === null ? [reason('thaw-hooks-unanswered')] : []),
  ];
}

/** What the freeze left out of the filesystems that it should have frozen; by name where the guest reports each. */
export function unfrozen({ filesystems, frozenCount, lease }: GuestClaim): Reason[] {
  if (lease) {
    return filesystems
      .filter((each) => each.outcome !== 'frozen' && !isNeverFreezable(each))
      .map(({ mountpoint, outcome }) => reason(outcome === 'foreign' ? 'mount-frozen-by-other' : 'mount-not-frozen', mountpoint));
  }
  const frozen = frozenCount ?? 0;
  const freezable = freezableCount(filesystems);
  return frozen < freezable ? [reason('mounts-not-frozen', `${freezable - frozen} of ${freezable}`)] : [];
}

function isNeverFreezable({ type, outcome = 'not-freezable' }: GuestFilesystem): boolean {
  return neverFreezable.has(type) && outcome === 'not-freezable';
}

/** How many of the guest's filesystems a freeze must count: one for each device, those that cannot freeze left out. */
export function freezableCount(filesystems: readonly GuestFilesystem[]): number {
  return new Set(filesystems.filter((each) => !isNeverFreezable(each)).map((each) => each.device)).size;
}
