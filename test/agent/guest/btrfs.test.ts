/** btrfs in a guest: one superblock behind many mounts, whose files have the device number of their subvolume. */

import assert from 'node:assert/strict';
import { after, afterEach, before, it, suite } from 'node:test';
import { fsfreezeFreeze } from '../../../protocol/agent/commands/guest-fsfreeze-freeze.ts';
import { fsfreezeFreezeList } from '../../../protocol/agent/commands/guest-fsfreeze-freeze-list.ts';
import { fsfreezeThaw } from '../../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { leaseThaw } from '../../../protocol/agent/commands/stillframe-thaw.ts';
import { isStillframeError } from '../../../model/errors.ts';
import { agentName, calm, longLeaseMs, stage, type GuestStage } from './stage.ts';

let on: GuestStage;
let first: string;
let second: string;

suite('btrfs in a guest', () => {
  before(async () => {
    on = await stage({ spareDisks: 2 });
    [first, second] = on.guest.spares.map(({ device }) => device) as [string, string];
    await on.run(`for module in xor raid6_pq zstd_compress blake2b_generic xxhash_generic btrfs loop; do
        insmod /lib/modules/$module.ko || exit 1
      done
      mkdir -p /mnt/a /mnt/b /mnt/c`);
  });
  after(() => on[Symbol.asyncDispose]());
  afterEach(async () => {
    await calm(on);
    await on.run(`kill $(cat /run/writers 2>/dev/null) 2>/dev/null; rm -f /run/writers /run/mark* /run/clock
      for place in /mnt/c /mnt/b /mnt/a; do
        while grep -q " $place " /proc/mounts; do umount $place 2>/dev/null || sleep 0.02; done
        losetup -d /dev/loop0 2>/dev/null
      done; true`);
  });

  const make = (device: string) => `mkfs.btrfs -q -f ${device} >/dev/null 2>&1`;

  /** A writer in each place, and a clock on a tmpfs that runs on beside them. */
  async function startWriters(...places: string[]): Promise<void> {
    const write = (place: string, mark: string) =>
      `(n=0; while :; do n=$((n + 1)); echo $n | dd of=${place}/mark conv=fsync && echo $n >${mark}; done) >/dev/null 2>&1 & echo $! >>/run/writers`;
    await on.run(`: >/run/writers
      ${places.map((place, index) => write(place, `/run/mark${index}`)).join('\n')}
      (n=0; while :; do n=$((n + 1)); echo $n >/run/clock; done) >/dev/null 2>&1 & echo $! >>/run/writers
      for mark in ${places.map((_, index) => `/run/mark${index}`).join(' ')}; do until [ -s $mark ]; do sleep 0.02; done; done`);
  }

  /** What the writers reached, twice, with much of the guest's own time in between. */
  async function marksApart(): Promise<[string, string]> {
    const output = await on.run(`cat /run/mark*; echo between; from=$(cat /run/clock)
      until [ "$(cat /run/clock)" -gt $((from + 300)) ] 2>/dev/null; do sleep 0.01; done; cat /run/mark*`);
    return output.split('between\n').map((each) => each.trim()) as [string, string];
  }

  async function writersGoOn(): Promise<void> {
    await on.run(
      `for mark in /run/mark*; do from=$(cat $mark); until [ "$(cat $mark)" -gt "$from" ] 2>/dev/null; do sleep 0.02; done; done`,
    );
  }

  async function frozenUnderLease(mountpoints?: string[]): Promise<{ rows: string[]; thaw: () => Promise<void> }> {
    const channel = await on.channel('own');
    const { epoch, filesystems } = await on.freeze(channel, longLeaseMs, mountpoints);
    return {
      rows: filesystems
        .filter(({ type }) => type === 'btrfs')
        .map(({ mountpoint, device, outcome }) => `${mountpoint} ${device} ${outcome}`),
      async thaw() {
        await channel.execute(leaseThaw, { epoch });
        channel.close();
      },
    };
  }

  it('a btrfs is frozen once by any of its subvolumes, and every writer on it stands still until the thaw', async () => {
    await on.run(`${make(first)} && mount -t btrfs ${first} /mnt/a &&
      btrfs subvolume create /mnt/a/sub >/dev/null && mount -t btrfs -o subvol=sub ${first} /mnt/b`);
    await startWriters('/mnt/a', '/mnt/b');
    const { rows, thaw } = await frozenUnderLease();
    assert.deepEqual(rows, [`/mnt/a ${first.slice(5)} frozen`]);
    const [before, later] = await marksApart();
    assert.equal(later, before);
    await thaw();
    await writersGoOn();
  });

  it('a subvolume that is the only mount of its btrfs is frozen', async () => {
    await on.run(`${make(first)} && mount -t btrfs ${first} /mnt/a && btrfs subvolume create /mnt/a/sub >/dev/null &&
      umount /mnt/a && mount -t btrfs -o subvol=sub ${first} /mnt/b`);
    await startWriters('/mnt/b');
    const { rows, thaw } = await frozenUnderLease();
    assert.deepEqual(rows, [`/mnt/b ${first.slice(5)} frozen`]);
    const [before, later] = await marksApart();
    assert.equal(later, before);
    await thaw();
    await writersGoOn();
  });

  it('a btrfs on two disks is one filesystem', async () => {
    await on.run(
      `${make(`-d raid1 -m raid1 ${first} ${second}`)} && btrfs device scan ${first} ${second} >/dev/null && mount -t btrfs ${first} /mnt/a`,
    );
    await startWriters('/mnt/a');
    const { rows, thaw } = await frozenUnderLease();
    assert.equal(rows.length, 1);
    assert.match(rows[0]!, /^\/mnt\/a vd\w frozen$/);
    const [before, later] = await marksApart();
    assert.equal(later, before);
    await thaw();
    await writersGoOn();
  });

  it('the plain commands count it, freeze it and thaw it', async () => {
    await on.run(`${make(first)} && mount -t btrfs ${first} /mnt/a && btrfs subvolume create /mnt/a/sub >/dev/null &&
      mount -t btrfs -o subvol=sub ${first} /mnt/b`);
    await startWriters('/mnt/a');
    const channel = await on.channel();
    assert.equal(await channel.execute(fsfreezeFreeze, undefined), on.guest.disks.length + 1);
    const [before, later] = await marksApart();
    assert.equal(later, before);
    assert.equal(await channel.execute(fsfreezeThaw, undefined), on.guest.disks.length + 1);
    await writersGoOn();
    assert.equal(await channel.execute(fsfreezeFreezeList, { mountpoints: ['/mnt/b'] }), 1);
    const [still, stillLater] = await marksApart();
    assert.equal(stillLater, still);
    assert.equal(await channel.execute(fsfreezeThaw, undefined), 1);
    await writersGoOn();
    channel.close();
  });

  it('a loop device over a file in a subvolume freezes before the btrfs that holds the file', async () => {
    await on.run(`${make(first)} && mount -t btrfs ${first} /mnt/a && btrfs subvolume create /mnt/a/sub >/dev/null &&
      truncate -s 16M /mnt/a/sub/image && /sbin/mke2fs -q -F -t ext4 /mnt/a/sub/image && losetup /dev/loop0 /mnt/a/sub/image &&
      mount -t ext4 /dev/loop0 /mnt/c`);
    const channel = await on.channel('own');
    const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
    const order = filesystems.map(({ mountpoint }) => mountpoint).filter((place) => place.startsWith('/mnt'));
    assert.deepEqual(order, ['/mnt/c', '/mnt/a']);
    await channel.execute(leaseThaw, { epoch });
    channel.close();
  });

  it('an agent that takes over from a killed one thaws the btrfs, though its mount has moved', async () => {
    await on.run(`${make(first)} && mount -t btrfs ${first} /mnt/a && btrfs subvolume create /mnt/a/sub >/dev/null &&
      mount -t btrfs -o subvol=sub ${first} /mnt/b`);
    await startWriters('/mnt/b');
    await on.run('echo away >/run/stillframe-agent/away');
    const channel = await on.channel('own');
    await on.freeze(channel, longLeaseMs, ['/mnt/a']);
    channel.close();
    // Stopped first: a guard that is left alone would thaw.
    await on.run(`kill -STOP $(pid sf-guard); kill -9 $(pid ${agentName}); kill -9 $(pid sf-guard); umount -l /mnt/a`);
    const [before, later] = await marksApart();
    assert.equal(later, before);
    await on.run('rm /run/stillframe-agent/away');
    await on.thawed();
    await writersGoOn();
    assert.doesNotMatch(await on.run('cat /run/stillframe-agent/log'), /no path leads/);
  });

  it('a freeze with the state directory on the btrfs is refused, and freezes nothing', async () => {
    await on.run(`${make(first)} && mount -t btrfs ${first} /mnt/a && btrfs subvolume create /mnt/a/state >/dev/null`);
    await on.run(
      'mount --bind /mnt/a/state /run/stillframe-agent 2>/dev/null || mount --bind /mnt/a/state /run/stillframe-agent',
    );
    try {
      const channel = await on.channel('own');
      await assert.rejects(
        on.freeze(channel, longLeaseMs),
        (error) => isStillframeError(error, 'agent-refused') && /is to be frozen: put it on a tmpfs/.test(error.message),
      );
      channel.close();
    } finally {
      await on.run('umount /run/stillframe-agent');
    }
  });

  it('a socket that is mounted onto a file does not hide a filesystem that a later mount reaches', async () => {
    await on.run(`/sbin/mke2fs -q -F -t ext4 ${first} && mount -t ext4 ${first} /mnt/a && mkfifo /mnt/a/fifo && : >/run/place &&
      mount --bind /mnt/a/fifo /run/place && mount --bind /mnt/a /mnt/b && umount /mnt/a`);
    try {
      const channel = await on.channel('own');
      const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
      const row = filesystems.find(({ device }) => device === first.slice(5));
      assert.deepEqual([row?.mountpoint, row?.outcome], ['/mnt/b', 'frozen']);
      await channel.execute(leaseThaw, { epoch });
      channel.close();
    } finally {
      await on.run('umount /run/place');
    }
  });
});
