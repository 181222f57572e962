/** Filesystems as people mount them: stacked, bound, hidden, foreign, hung, by the hundred. What is frozen, and that it thaws. */

import assert from 'node:assert/strict';
import { after, afterEach, before, it, suite } from 'node:test';
import { fsfreezeFreezeList } from '../../../protocol/agent/commands/guest-fsfreeze-freeze-list.ts';
import { fsfreezeFreeze } from '../../../protocol/agent/commands/guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from '../../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { fsfreezeThaw } from '../../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { ping } from '../../../protocol/agent/commands/guest-ping.ts';
import { leaseStatus } from '../../../protocol/agent/commands/stillframe-status.ts';
import { leaseThaw } from '../../../protocol/agent/commands/stillframe-thaw.ts';
import { calm, longLeaseMs, stage, type GuestStage } from './stage.ts';

suite('an agent among mounts', () => {
  let on: GuestStage;
  before(async () => {
    on = await stage({ spareDisks: 2 });
    await on.run('insmod /lib/modules/loop.ko; insmod /lib/modules/overlay.ko; mkdir -p /mnt/a /mnt/b /mnt/c /mnt/d');
  });
  after(() => on[Symbol.asyncDispose]());
  afterEach(async () => {
    await on.run('fsfreeze --unfreeze /data/disk0 2>/dev/null; true');
    await calm(on);
    // Later mounts first; what hides others may have to go twice.
    await on.run(`for round in 1 2 3; do
      for place in $(cut -d' ' -f2 /proc/mounts | grep ^/mnt | tac); do umount -l $place 2>/dev/null; done
    done
    for device in /dev/loop[0-9]*; do losetup -d $device 2>/dev/null; done
    rm -f /data/disk0/*.img; true`);
  });

  /** Freezes everything and returns the report; thaws again. */
  async function outcomes(): Promise<Record<string, string>> {
    const channel = await on.channel('own');
    const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
    const thawed = await channel.execute(leaseThaw, { epoch });
    const frozen = filesystems.filter(({ outcome }) => outcome === 'frozen').map(({ mountpoint }) => mountpoint);
    assert.deepEqual(
      thawed.filesystems.filter(({ outcome }) => outcome === 'thawed').map(({ mountpoint }) => mountpoint),
      frozen,
    );
    channel.close();
    return Object.fromEntries(filesystems.map(({ mountpoint, outcome }) => [mountpoint, outcome]));
  }

  const makeLoop = (device: string, image: string, place: string) => `
    truncate -s 16M ${image} && /sbin/mke2fs -q -F -t ext4 ${image} && losetup ${device} ${image} && mount -t ext4 ${device} ${place}`;
  const lab = { '/data/disk0': 'frozen', '/data/disk1': 'frozen' };

  it('a loop device over a file freezes before the filesystem of the file, though a bind mount of that came last', async () => {
    await on.run(`${makeLoop('/dev/loop0', '/data/disk0/a.img', '/mnt/a')} && mount --bind /data/disk0 /mnt/b`);
    assert.deepEqual(await outcomes(), { ...lab, '/mnt/a': 'frozen' });
    await on.writersMove();
  });

  it('a loop device freezes first although its file has been mounted elsewhere since', async () => {
    await on.run(
      `/sbin/mke2fs -q -F -t ext4 ${on.guest.spares[0]!.device} && mount -t ext4 ${on.guest.spares[0]!.device} /mnt/a`,
    );
    await on.run(`${makeLoop('/dev/loop0', '/mnt/a/a.img', '/mnt/b')} && mount --bind /mnt/a /mnt/c && umount -l /mnt/a`);
    assert.deepEqual(await outcomes(), { ...lab, '/mnt/b': 'frozen', '/mnt/c': 'frozen' });
  });

  it('loop devices on loop devices freeze from the top', async () => {
    await on.run(makeLoop('/dev/loop0', '/data/disk0/a.img', '/mnt/a'));
    await on.run(
      'cd /mnt/a; truncate -s 8M inner && /sbin/mke2fs -q -F -t ext4 inner && losetup /dev/loop1 inner && mount -t ext4 /dev/loop1 /mnt/b',
    );
    const channel = await on.channel('own');
    const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
    const order = filesystems.map(({ mountpoint }) => mountpoint);
    assert.deepEqual(
      order.filter((place) => ['/mnt/b', '/mnt/a', '/data/disk0'].includes(place)),
      ['/mnt/b', '/mnt/a', '/data/disk0'],
    );
    await channel.execute(leaseThaw, { epoch });
    channel.close();
    await on.writersMove();
  });

  it('a filesystem that is hidden under another one is reported', async () => {
    const [first, second] = on.guest.spares.map(({ device }) => device);
    await on.run(
      `for device in ${first} ${second}; do /sbin/mke2fs -q -F -t ext4 $device && mount -t ext4 $device /mnt/a || exit 1; done`,
    );
    const channel = await on.channel('own');
    const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
    assert.deepEqual(
      filesystems.filter(({ mountpoint }) => mountpoint === '/mnt/a').map(({ device, outcome }) => `${device} ${outcome}`),
      [`${second!.slice(5)} frozen`, `${first!.slice(5)} unreachable`],
    );
    await channel.execute(leaseThaw, { epoch });
    channel.close();
  });

  it('a filesystem that was hidden after its freeze is thawed all the same', async () => {
    const device = on.guest.spares[0]!.device;
    await on.run(`/sbin/mke2fs -q -F -t ext4 ${device} && mount -t ext4 ${device} /mnt/a`);
    const channel = await on.channel('own');
    const { epoch } = await on.freeze(channel, longLeaseMs);
    await on.run('mount -t tmpfs none /mnt/a');
    const { filesystems } = await channel.execute(leaseThaw, { epoch });
    assert.deepEqual(Object.fromEntries(filesystems.map(({ mountpoint, outcome }) => [mountpoint, outcome])), {
      '/data/disk0': 'thawed',
      '/data/disk1': 'thawed',
      '/mnt/a': 'thawed',
    });
    await on.run('umount /mnt/a && echo written >/mnt/a/file && timeout 5 sync');
    channel.close();
  });

  it('overlay, tmpfs, bind mounts, read-only mounts and vfat do not prevent a freeze', async () => {
    await on.run(`mkdir -p /data/disk0/upper /data/disk0/work /data/disk0/lower &&
      mount -t overlay -o lowerdir=/data/disk0/lower,upperdir=/data/disk0/upper,workdir=/data/disk0/work none /mnt/a &&
      mount --bind /data/disk1 /mnt/b &&
      /sbin/mke2fs -q -F -t ext4 ${on.guest.spares[0]!.device} && mount -t ext4 -o ro ${on.guest.spares[0]!.device} /mnt/c &&
      for module in fat vfat nls_cp437 nls_ascii nls_utf8 nls_iso8859-1; do insmod /lib/modules/$module.ko; done;
      /sbin/mkfs.fat ${on.guest.spares[1]!.device} >/dev/null && mount -t vfat ${on.guest.spares[1]!.device} /mnt/d`);
    assert.deepEqual(await outcomes(), { ...lab, '/mnt/c': 'frozen', '/mnt/d': 'not-freezable' });
  });

  it('five hundred mounts of two filesystems and of tmpfs freeze as two', async () => {
    await on.run(`for each in $(seq 250); do
      mkdir -p /mnt/many/$each /mnt/many/t$each
      mount --bind /data/disk0 /mnt/many/$each && mount -t tmpfs none /mnt/many/t$each || exit 1
    done`);
    assert.deepEqual(await outcomes(), lab);
  });

  it('a filesystem that only a container has mounted is frozen', async () => {
    const device = on.guest.spares[0]!.device;
    await on.run(`/sbin/mke2fs -q -F -t ext4 ${device}
      unshare -m sh -c 'mount --make-rprivate / 2>/dev/null; mount -t ext4 ${device} /mnt/a && : >/run/mounted && exec sleep 1000' >/dev/null 2>&1 &
      echo $! >/run/container; until [ -e /run/mounted ]; do sleep 0.02; done`);
    assert.equal(await on.run('grep -c " /mnt/a " /proc/mounts; true'), '0');
    assert.deepEqual(await outcomes(), { ...lab, '/mnt/a': 'frozen' });
    await on.run('kill $(cat /run/container); rm -f /run/mounted');
  });

  it('a freeze by another program is reported, and outlives the lease, our thaw and the agent', async () => {
    await on.run('fsfreeze --freeze /data/disk0');
    assert.deepEqual(await outcomes(), { '/data/disk0': 'foreign', '/data/disk1': 'frozen' });
    const channel = await on.channel('own');
    assert.deepEqual((await channel.execute(leaseStatus, undefined)).foreign, ['/data/disk0']);
    const { epoch } = await on.freeze(channel, 300);
    channel.close();
    await on.thawed();
    const later = await on.channel('own');
    assert.equal((await later.execute(leaseThaw, { epoch })).leaseFired, true);
    await on.freeze(later, longLeaseMs);
    later.close();
    await on.restartAgent('');
    // The program that froze it finds it still frozen.
    await on.run('fsfreeze --unfreeze /data/disk0');
    await on.writersMove();
  });

  it('a plain guest-fsfreeze-thaw undoes a freeze by another program', async () => {
    await on.run('fsfreeze --freeze /data/disk0');
    const channel = await on.channel();
    assert.equal(await channel.execute(fsfreezeFreeze, undefined), 1);
    assert.equal(await channel.execute(fsfreezeThaw, undefined), 2);
    assert.equal(await channel.execute(fsfreezeThaw, undefined), 0);
    channel.close();
    await on.writersMove();
  });

  it('ping, status and sync are answered while a freeze blocks in the kernel, the lease ends it, and nothing stays frozen', async () => {
    // The loop device waits for the file's filesystem, which another program has frozen: no dirty data of it can be written.
    await on.run(`${makeLoop('/dev/loop0', '/data/disk0/a.img', '/mnt/a')} && dd if=/dev/zero of=/run/free.img bs=1M count=8 2>/dev/null &&
      ${makeLoop('/dev/loop1', '/run/free.img', '/mnt/b')} && fsfreeze --freeze /data/disk0 && echo dirty >/mnt/a/file`);
    const [classic, own] = [await on.channel('classic'), await on.channel('own')];
    const asked = on.freeze(own, 2_000);
    const failed = assert.rejects(asked);
    while ((await classic.execute(leaseStatus, undefined)).state === 'thawed') await new Promise(setImmediate);
    await classic.execute(ping, undefined);
    assert.equal(await classic.execute(fsfreezeStatus, undefined), 'frozen');
    // A host that gives it up and comes back is answered too.
    own.close();
    await failed;
    const again = await on.channel('own');
    await again.execute(ping, undefined);
    await on.thawed(again);
    await on.run('echo written >/mnt/b/file && timeout 5 sync /mnt/b/file && cat /mnt/b/file');
    await on.run('fsfreeze --unfreeze /data/disk0');
    assert.equal(await again.execute(fsfreezeStatus, undefined), 'thawed');
    await on.writersMove();
    classic.close();
    again.close();
    assert.deepEqual(await outcomes(), { ...lab, '/mnt/a': 'frozen', '/mnt/b': 'frozen' });
  });

  it('freeze-list takes a bind mount for its filesystem, and freezes no other', async () => {
    await on.run('mount --bind /data/disk1 /mnt/a');
    const channel = await on.channel();
    assert.equal(await channel.execute(fsfreezeFreezeList, { mountpoints: ['/mnt/a'] }), 1);
    await on.guest.console.nextWrite('disk0');
    await on.guest.console.nextWrite('disk0');
    assert.equal(await channel.execute(fsfreezeThaw, undefined), 1);
    channel.close();
  });
});
