/** What a point says about filesystems of a real guest that lie on none of its disks, with either agent. */

import assert from 'node:assert/strict';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectAgent } from '../../host/channel/agent-channel.ts';
import { createQemuDriver } from '../../host/drivers/qemu/driver.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { createWindows } from '../../host/window/windows.ts';
import { makeDisk } from '../../infra/lab/disks.ts';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { backupId } from '../../model/ids.ts';
import { gradePoint } from '../../model/window/grading.ts';
import { makeFolder } from '../support/folder.ts';

/** A loop device over memory and one over a file on a captured disk; a disk that is left out; a captured disk behind a bridge. */
const mounts = `
  set -e
  insmod /lib/modules/loop.ko
  mkdir -p /mnt/tmp /mnt/ram /mnt/file /mnt/out /mnt/port
  mount -t tmpfs none /mnt/tmp
  mount -t ext4 /dev/vdd /mnt/port
  for image in /mnt/tmp/image /mnt/port/image; do
    truncate -s 16M $image
    /sbin/mke2fs -q -F -t ext4 $image
  done
  losetup /dev/loop0 /mnt/tmp/image
  losetup /dev/loop1 /mnt/port/image
  mount -t ext4 /dev/loop0 /mnt/ram
  mount -t ext4 /dev/loop1 /mnt/file
  mount -t ext4 -o ro /dev/vdc /mnt/out
`;

for (const agent of ['stillframe', 'qemu-ga'] as const)
  describe(agent, () => {
    let directory: string;
    let guest: LabGuest;
    before(async () => {
      directory = await makeFolder();
      await chmod(directory, 0o711);
      const [out, port] = [join(directory, 'out.raw'), join(directory, 'port.raw')];
      await makeDisk(out, 'ext4');
      await makeDisk(port, 'ext4');
      const drive = (node: string, path: string, more: string) => [
        '-blockdev',
        `driver=raw,node-name=${node},file.driver=file,file.filename=${path}${more}`,
      ];
      guest = await startGuest({
        directory,
        name: 'db1',
        agent,
        fresh: true,
        qemuArgs: [
          ...drive('out', out, ',read-only=on'),
          '-device',
          'virtio-blk-pci,drive=out,id=vdout',
          '-device',
          'pcie-root-port,id=bridge,chassis=1',
          ...drive('port', port, ''),
          '-device',
          'virtio-blk-pci,drive=port,bus=bridge,id=vdport',
        ],
      });
      const { status, output } = await guest.shell(mounts);
      assert.equal(status, 0, output);
    });
    after(async () => {
      await guest?.stop();
      await rm(directory, { recursive: true, force: true });
    });

    it(`${agent}: a point names the filesystems that it does not hold, and no others`, async () => {
      const log = () => {};
      const { channel, monitor } = guest;
      const driver = createQemuDriver({
        config: {
          guests: [{ kind: 'listed', name: 'db1', id: undefined, channel, monitor, carries: [] }],
          scratch: { path: join(directory, 'scratch'), limitBytes: undefined, marginBytes: 2 ** 20 },
        },
        stateDir: join(directory, 'state'),
        log,
      });
      const windows = createWindows({
        driver,
        journal: openJournal({ stateDir: directory }),
        config: { limits: { leaseMs: 20_000, leaseCapMs: 20_000, gapMs: 0, perHour: 0 }, snapshots: {} },
        connect: connectAgent,
        log,
      });
      await driver.inventory();
      const backup = backupId('20260101T020000-1a2b3c4d');
      const outcome = await windows.freezeWindow({ guest: guest.uuid, backup, attempt: 1 });
      assert.equal(outcome.failure, null);
      await driver.pointInTime.end(guest.uuid, { backup });
      // The stock agent names no disk below a loop device, wherever its file is.
      const told =
        agent === 'stillframe'
          ? ['not-captured /mnt/out vdc', 'not-captured /mnt/ram loop0']
          : ['not-captured /mnt/out vdc', 'not-told /mnt/file loop1', 'not-told /mnt/ram loop0'];
      assert.deepEqual(outcome.reasons.toSorted(), told);
      assert.equal(gradePoint(outcome, []).grade, 'filesystem');
    });
  });
