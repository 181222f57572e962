/** A restore point of one small disk, valid in every field. */

import type { RestorePoint } from '../../model/point/point.ts';
import { backupId, guestId, hostId } from '../../model/ids.ts';

export function samplePoint(id: string): RestorePoint {
  return {
    format: 1,
    id: backupId(id),
    guest: { id: guestId('0e4a3c8e-6f0e-4d7b-9a7e-1f2f3a4b5c6d'), name: 'db1' },
    host: hostId('rack1-a'),
    pointInTimeAt: '2026-01-01T02:00:00.000Z',
    committedAt: '2026-01-01T02:01:00.000Z',
    grade: 'filesystem',
    reasons: [],
    window: {
      guest: guestId('0e4a3c8e-6f0e-4d7b-9a7e-1f2f3a4b5c6d'),
      backup: backupId(id),
      attempt: 1,
      epoch: 4,
      leaseMs: 10_000,
      openedAt: '2026-01-01T02:00:00.000Z',
      closedAt: '2026-01-01T02:00:00.200Z',
      pointInTimeAt: '2026-01-01T02:00:00.000Z',
      times: { freezeMs: 120.5, pointInTimeMs: 2, proofMs: 1, thawMs: 40, heldMs: 164 },
      thawedBy: 'window',
      closing: 'status-thawed',
      claim: {
        agent: 'qemu-ga',
        version: '7.2.0',
        filesystems: [{ mountpoint: '/data', type: 'ext4', device: 'vdb' }],
        frozenCount: 1,
        thawedCount: 1,
        frozenAfterPointInTime: true,
      },
      disks: [{ name: 'disk0', device: 'virtio0', bytes: 1000 }],
      skipped: [],
      reference: null,
      reasons: [],
      failure: null,
    },
    disks: [
      {
        name: 'disk0',
        file: 'disk0.raw',
        device: 'virtio0',
        bytes: 1000,
        sha256: 'c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4',
        filesystem: 'ext4',
        inspection: {
          result: 'clean',
          filesystems: [{ where: 'whole disk', type: 'ext4', result: 'clean', evidence: 'RECOVER clear, s_start 0' }],
        },
      },
    ],
    skipped: ['cd0 read-only'],
  };
}
