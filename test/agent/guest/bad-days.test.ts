/** Bad days of a guest: a filesystem whose server never answers, memory that runs out, a disk unmounted while it is frozen. */

import assert from 'node:assert/strict';
import { after, afterEach, before, it, suite } from 'node:test';
import { exec } from '../../../protocol/agent/commands/guest-exec.ts';
import { fileOpen } from '../../../protocol/agent/commands/guest-file-open.ts';
import { fsfreezeStatus } from '../../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { getFsinfo } from '../../../protocol/agent/commands/guest-get-fsinfo.ts';
import { ping } from '../../../protocol/agent/commands/guest-ping.ts';
import { leaseThaw } from '../../../protocol/agent/commands/stillframe-thaw.ts';
import { agentName, calm, longLeaseMs, stage, type GuestStage } from './stage.ts';

/** In a child's place, and not in the agent's. */
const unanswered = /failed to open file '\/mnt\/dead\/file' \(mode: 'r'\): Connection timed out/;

suite('an agent on a bad day', () => {
  let on: GuestStage;
  before(async () => (on = await stage({ spareDisks: 1 })));
  after(() => on[Symbol.asyncDispose]());
  afterEach(() => calm(on));

  it('a filesystem whose server never answers is left alone, and delays nothing', async () => {
    // The process that holds /dev/fuse is the server; this one reads no request, as a dead one does.
    await on.run(`insmod /lib/modules/fuse.ko && mkdir -p /mnt/dead
      (exec 3<>/dev/fuse; mount -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 dead /mnt/dead; exec sleep 1000000) >/dev/null 2>&1 &
      until grep -q /mnt/dead /proc/mounts; do sleep 0.02; done
      timeout 1 ls /mnt/dead >/dev/null 2>&1; test $? -ne 0`);
    const channel = await on.channel('own');
    const opening = assert.rejects(channel.execute(fileOpen, { path: '/mnt/dead/file', mode: 'r' }), unanswered);
    const classic = await on.channel('classic');
    await classic.execute(ping, undefined);
    await opening;
    await assert.rejects(
      channel.execute(exec, { path: '/mnt/dead/program' }),
      /Failed to execute child process .* Connection timed out/,
    );
    classic.close();
    const told = await channel.execute(getFsinfo, undefined);
    assert.deepEqual(told.map(({ mountpoint }) => mountpoint).toSorted(), ['/data/disk0', '/data/disk1']);
    const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
    assert.deepEqual(filesystems.map(({ mountpoint }) => mountpoint).toSorted(), ['/data/disk0', '/data/disk1']);
    await channel.execute(leaseThaw, { epoch });
    channel.close();
    await on.writersMove();
    await on.run('umount -f -l /mnt/dead');
  });

  it('a filesystem that was unmounted while frozen is thawed, and mounts again with its content', async () => {
    const { device } = on.guest.spares[0]!;
    await on.run(
      `/sbin/mke2fs -q -F -t ext4 ${device} && mkdir -p /mnt/a && mount -t ext4 ${device} /mnt/a && echo kept >/mnt/a/file`,
    );
    const channel = await on.channel('own');
    const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
    assert.ok(filesystems.some(({ mountpoint, outcome }) => mountpoint === '/mnt/a' && outcome === 'frozen'));
    await on.run('umount -l /mnt/a');
    const thawed = await channel.execute(leaseThaw, { epoch });
    assert.deepEqual(
      thawed.filesystems.map(({ outcome }) => outcome),
      ['thawed', 'thawed', 'thawed'],
    );
    channel.close();
    await on.writersMove();
    await on.run(`mount -t ext4 ${device} /mnt/a && grep -q kept /mnt/a/file && echo more >/mnt/a/file && umount /mnt/a`);
  });

  it('a guest that runs out of memory while frozen keeps its agent, and is thawed', async () => {
    const before = await on.run(`pid ${agentName}`);
    const channel = await on.channel('own');
    const { epoch } = await on.freeze(channel, longLeaseMs);
    await on.run(`perl -e 'my @all; push @all, "x" x 8_388_608 while 1' >/dev/null 2>&1; test $? -eq 137`);
    assert.equal(await channel.execute(fsfreezeStatus, undefined), 'frozen');
    await channel.execute(leaseThaw, { epoch });
    channel.close();
    await on.writersMove();
    assert.equal(await on.run(`pid ${agentName}`), before);
  });
});
