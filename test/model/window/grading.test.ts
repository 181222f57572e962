import assert from 'node:assert/strict';
import { test } from 'node:test';
import { satisfies, type Grade } from '../../../model/window/grade.ts';
import { freezableCount, gradePoint, unfrozen } from '../../../model/window/grading.ts';
import type { DiskInspection } from '../../../model/point/point.ts';
import type { GuestClaim, GuestHook } from '../../../model/window/window.ts';

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

const hook = (name: string, outcome: string) => ({ name, outcome, detail: null });

/** The window of our agent, with these hooks at the freeze and at the thaw. */
function hooked(hooks: GuestHook[], thawHooks: GuestHook[] | null): GuestClaim {
  const lease = { bootId: 'b', epochAtProof: 1, hooks, thawHooks, heldMs: 30, leaseFired: false };
  return { ...claim, agent: 'stillframe', lease };
}

const cleanDisks = [{ name: 'disk0', inspection: inspected('ext4', 'clean') }];

for (const [what, hooks, thawHooks, grade, reasons] of [
  ['every hook succeeded', [hook('db', 'success')], [hook('db', 'success')], 'application', []],
  ['there were no hooks', [], [], 'filesystem', []],
  ['a hook failed', [hook('a', 'success'), hook('db', 'timed-out')], [], 'filesystem', ['hook-failed db']],
  ['a hook failed at the thaw', [hook('db', 'success')], [hook('db', 'failed')], 'filesystem', ['thaw-hook-failed db']],
  ['nobody told of the hooks of the thaw', [hook('db', 'success')], null, 'filesystem', ['thaw-hooks-unanswered']],
] as const satisfies [string, GuestHook[], GuestHook[] | null, Grade, string[]][])
  test(`where ${what} the point is worth ${grade}`, () => {
    const graded = gradePoint({ claim: hooked([...hooks], thawHooks && [...thawHooks]), reasons: [] }, cleanDisks);
    assert.deepEqual(graded, { grade, reasons: [...reasons, 'not-freezable /boot/efi vfat'] });
  });

test('hooks do not outweigh a doubt about the freeze, nor a dirty disk', () => {
  const all = hooked([hook('db', 'success')], [hook('db', 'success')]);
  assert.equal(gradePoint({ claim: all, reasons: ['epoch-changed'] }, cleanDisks).grade, 'crash-atomic');
  const dirty = [{ name: 'disk0', inspection: inspected('ext4', 'dirty') }];
  assert.equal(gradePoint({ claim: all, reasons: [] }, dirty).grade, 'crash-atomic');
});

test('where the guest tells of each filesystem, what is not frozen is named; a boot partition is not a reason', () => {
  const filesystems = [
    { mountpoint: '/', type: 'ext4', device: 'vda1', outcome: 'frozen' },
    { mountpoint: '/boot/efi', type: 'vfat', device: 'vda2', outcome: 'not-freezable' },
    { mountpoint: '/usb', type: 'vfat', device: 'vdc1', outcome: 'unreachable' },
    { mountpoint: '/db', type: 'xfs', device: 'vdb', outcome: 'foreign' },
    { mountpoint: '/new', type: 'nextfs', device: 'vdd', outcome: 'something later' },
  ];
  assert.deepEqual(unfrozen({ ...hooked([], []), filesystems }), [
    'mount-not-frozen /usb',
    'mount-frozen-by-other /db',
    'mount-not-frozen /new',
  ]);
});
