import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freezableCount, gradePoint, satisfies } from '../../model/grade.ts';
import type { DiskInspection } from '../../model/point.ts';
import type { GuestClaim } from '../../model/window.ts';

const claim: GuestClaim = {
  agent: 'qemu-ga',
  version: '7.2',
  filesystems: [
    { mountpoint: '/', type: 'ext4', device: 'vda1' },
    { mountpoint: '/boot/efi', type: 'vfat', device: 'vda2' },
  ],
  frozenCount: 1,
  thawedCount: 1,
  frozenAfterPointInTime: true,
};

function inspected(type: string, result: 'clean' | 'dirty' | 'not-inspected'): DiskInspection {
  return { result, filesystems: [{ where: 'whole disk', type, result, evidence: '' }] };
}

test('a freeze that held over disks that were seen clean is a filesystem point; a mounted vfat is named and lowers nothing', () => {
  const graded = gradePoint({ claim, reasons: [] }, [{ name: 'disk0', inspection: inspected('ext4', 'clean') }]);
  assert.deepEqual(graded, { grade: 'filesystem', reasons: ['not-freezable /boot/efi vfat'] });
});

test('a doubt about the freeze lowers the grade and is the first reason', () => {
  const graded = gradePoint({ claim, reasons: ['lease-expired'] }, [{ name: 'disk0', inspection: inspected('ext4', 'clean') }]);
  assert.deepEqual(graded, { grade: 'crash-atomic', reasons: ['lease-expired', 'not-freezable /boot/efi vfat'] });
});

test('what the guest claims does not outweigh a dirty disk', () => {
  const graded = gradePoint({ claim, reasons: [] }, [{ name: 'disk1', inspection: inspected('xfs', 'dirty') }]);
  assert.equal(graded.grade, 'crash-atomic');
  assert.ok(graded.reasons.includes('disk-not-clean disk1 xfs'));
});

test('a disk that cannot be inspected is named', () => {
  const graded = gradePoint({ claim, reasons: [] }, [{ name: 'disk2', inspection: inspected('btrfs', 'not-inspected') }]);
  assert.deepEqual(graded.reasons, ['not-freezable /boot/efi vfat', 'not-inspected disk2 btrfs']);
});

test('grades are ordered, best first', () => {
  assert.ok(satisfies('application', 'filesystem'));
  assert.ok(satisfies('filesystem', 'filesystem'));
  assert.ok(!satisfies('crash-atomic', 'filesystem'));
});

test('a filesystem that is mounted twice freezes once', () => {
  assert.equal(freezableCount([...claim.filesystems, { mountpoint: '/srv', type: 'ext4', device: 'vda1' }]), 1);
});
