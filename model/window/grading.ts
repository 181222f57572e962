/** What a restore point is worth, from what the guest claimed and what was observed on its disks. */

import type { DiskInspection } from '../point/point.ts';
import type { Grade } from './grade.ts';
import type { GuestClaim, GuestFilesystem, LeaseClaim, Reason, WindowOutcome } from './window.ts';

/**
 * Filesystems that no kernel can freeze and that hold no data of applications: named, and no reason to grade down.
 * They have no freeze operation (FIFREEZE answers EOPNOTSUPP).
 */
const neverFreezable = new Set(['vfat', 'msdos', 'iso9660', 'squashfs']);

/**
 * The grade of a point that has one point in time for all its disks.
 * `filesystem` needs every link: frozen, held through the point in time, and each disk seen clean (or named as not inspected).
 * `application` needs hooks besides, each of which reported success by name, which no stock agent tells.
 */
export function gradePoint(
  window: Pick<WindowOutcome, 'claim' | 'reasons'>,
  disks: readonly { name: string; inspection: DiskInspection }[],
): { grade: Grade; reasons: Reason[] } {
  const { filesystems, lease } = window.claim;
  const lowering: Reason[] = [...window.reasons];
  const short = lease ? shortOfApplication(lease) : [];
  const naming: Reason[] = [];
  for (const { mountpoint, type } of filesystems.filter(isNeverFreezable)) naming.push(`not-freezable ${mountpoint} ${type}`);
  for (const { name, inspection } of disks) {
    for (const found of inspection.filesystems) {
      if (found.result === 'dirty') lowering.push(`disk-not-clean ${name} ${found.type}`);
      if (found.result === 'not-inspected') naming.push(`not-inspected ${name} ${found.type}`);
    }
    if (inspection.result === 'not-inspected' && inspection.filesystems.length === 0)
      naming.push(`not-inspected ${name} unknown`);
  }
  // A guest without hooks has told nothing of any application: no failure, and no claim to grade up for.
  const best = lease !== undefined && lease.hooks.length > 0 && short.length === 0 ? 'application' : 'filesystem';
  return { grade: lowering.length === 0 ? best : 'crash-atomic', reasons: [...lowering, ...short, ...naming] };
}

/**
 * Why every hook cannot be said to have succeeded. Those of the thaw count too: a hook that finds then that its application was
 * lost meanwhile (a lock that went with its session) speaks against the whole time before.
 */
function shortOfApplication({ hooks, thawHooks }: LeaseClaim): Reason[] {
  const failed = (all: LeaseClaim['hooks'], code: string) =>
    all.filter(({ outcome }) => outcome !== 'success').map(({ name }) => `${code} ${name}`);
  return [
    ...failed(hooks, 'hook-failed'),
    ...failed(thawHooks ?? [], 'thaw-hook-failed'),
    ...(hooks.length > 0 && thawHooks === null ? ['thaw-hooks-unanswered'] : []),
  ];
}

/** What the freeze left out of the filesystems that it should have frozen; by name where the guest tells of each. */
export function unfrozen({ filesystems, frozenCount, lease }: GuestClaim): Reason[] {
  if (lease) {
    return filesystems
      .filter((each) => each.outcome !== 'frozen' && !isNeverFreezable(each))
      .map(({ mountpoint, outcome }) => `${outcome === 'foreign' ? 'mount-frozen-by-other' : 'mount-not-frozen'} ${mountpoint}`);
  }
  const frozen = frozenCount ?? 0;
  const freezable = freezableCount(filesystems);
  return frozen < freezable ? [`mounts-not-frozen ${freezable - frozen} of ${freezable}`] : [];
}

function isNeverFreezable({ type, outcome = 'not-freezable' }: GuestFilesystem): boolean {
  return neverFreezable.has(type) && outcome === 'not-freezable';
}

/** How many of the guest's filesystems a freeze must count: one for each device, those that cannot freeze left out. */
export function freezableCount(filesystems: readonly GuestFilesystem[]): number {
  return new Set(filesystems.filter((each) => !isNeverFreezable(each)).map((each) => each.device)).size;
}
