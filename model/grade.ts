/** What a restore point is worth, from what the guest claimed and what was observed on its disks. */

import type { DiskInspection } from './point.ts';
import type { GuestFilesystem, Reason, WindowOutcome } from './window.ts';

/** Best first. */
export const grades = ['application', 'filesystem', 'crash-atomic', 'crash'] as const;
export type Grade = (typeof grades)[number];

/** Whether `grade` is at least `wanted`. */
export function satisfies(grade: Grade, wanted: Grade): boolean {
  return grades.indexOf(grade) <= grades.indexOf(wanted);
}

/**
 * Filesystems that no kernel can freeze and that hold no data of applications: named, and no reason to grade down.
 * They have no freeze operation (FIFREEZE answers EOPNOTSUPP).
 */
const neverFreezable = new Set(['vfat', 'msdos', 'iso9660', 'squashfs']);

/**
 * The grade of a point that has one point in time for all its disks.
 * `filesystem` needs every link: frozen, held through the point in time, and each disk seen clean (or named as not inspected).
 * `application` needs hooks that report by name, which no stock agent does.
 */
export function gradePoint(
  window: Pick<WindowOutcome, 'claim' | 'reasons'>,
  disks: readonly { name: string; inspection: DiskInspection }[],
): { grade: Grade; reasons: Reason[] } {
  const lowering: Reason[] = [...window.reasons];
  const naming: Reason[] = [];
  for (const filesystem of window.claim.filesystems) {
    if (neverFreezable.has(filesystem.type)) naming.push(`not-freezable ${filesystem.mountpoint} ${filesystem.type}`);
  }
  for (const { name, inspection } of disks) {
    for (const found of inspection.filesystems) {
      if (found.result === 'dirty') lowering.push(`disk-not-clean ${name} ${found.type}`);
      if (found.result === 'not-inspected') naming.push(`not-inspected ${name} ${found.type}`);
    }
    if (inspection.result === 'not-inspected' && inspection.filesystems.length === 0)
      naming.push(`not-inspected ${name} unknown`);
  }
  return { grade: lowering.length === 0 ? 'filesystem' : 'crash-atomic', reasons: [...lowering, ...naming] };
}

/** How many of the guest's filesystems a freeze must count: one for each device, those that cannot freeze left out. */
export function freezableCount(filesystems: readonly GuestFilesystem[]): number {
  return new Set(filesystems.filter((each) => !neverFreezable.has(each.type)).map((each) => each.device)).size;
}
