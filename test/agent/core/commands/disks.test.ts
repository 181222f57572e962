/** guest-get-fsinfo, guest-get-disks and guest-fstrim on machines with disks of every kind that guests have. */

import assert from 'node:assert/strict';
import { it, suite, type TestContext } from 'node:test';
import type { FilesystemSize, Kernel, SystemError } from '../../../../agent/core/platform.ts';
import { kernel } from '../../../../agent/platform/node/kernel.ts';
import { systemError } from '../../../../agent/platform/node/system-error.ts';
import { fstrim } from '../../../../protocol/agent/commands/guest-fstrim.ts';
import { getDisks } from '../../../../protocol/agent/commands/guest-get-disks.ts';
import { getFsinfo } from '../../../../protocol/agent/commands/guest-get-fsinfo.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../../protocol/json.ts';
import { onMachine } from './machine.ts';

interface Disk {
  /** Below /sys/devices. */
  path: string;
  number: string;
  partitions?: string[];
  /** PCI functions on the way, with their drivers. */
  drivers?: Record<string, string>;
  files?: Record<string, string>;
  slaves?: string[];
  udev?: string;
}

/** A sysfs with these disks, and a mount table with a filesystem of each device in `mounts`. */
function disksMachine(t: TestContext, disks: Disk[], mounts: string[] = [], more: Partial<Kernel> = {}) {
  const files: Record<string, string> = {};
  const links: Record<string, string> = {};
  const addDevice = (path: string, number: string, udev: string | undefined) => {
    const [major, minor] = number.split(':');
    files[`${path}/uevent`] = `MAJOR=${major}\nMINOR=${minor}\nDEVNAME=${path.split('/').at(-1)}\nDEVTYPE=disk\n`;
    links[`/sys/dev/block/${number}`] = `../../..${path}`;
    if (udev) files[`/run/udev/data/b${number}`] = udev;
  };
  for (const { path, number, partitions = [], drivers = {}, slaves = [], udev, ...disk } of disks) {
    const name = path.split('/').at(-1)!;
    const sysPath = `/sys/devices${path}`;
    addDevice(sysPath, number, udev);
    links[`/sys/block/${name}`] = `../devices${path}`;
    files[`${sysPath}/size`] = '2048\n';
    const [major, minor] = number.split(':').map(Number) as [number, number];
    partitions.forEach((each, index) => addDevice(`${sysPath}/${each}`, `${major}:${minor + index + 1}`, udev));
    for (const [place, driver] of Object.entries(drivers)) links[`/sys/devices${place}/driver`] = `../bus/pci/drivers/${driver}`;
    for (const slave of slaves)
      links[`${sysPath}/slaves/${slave}`] = `${'../'.repeat(path.split('/').length + 2)}sys/block/${slave}`;
    for (const [file, text] of Object.entries(disk.files ?? {})) files[`/sys/devices${file}`] = text;
  }
  files['/proc/self/mountinfo'] = mounts
    .map((number, index) => `${index + 20} 1 ${number} / /m${index} rw - ext4 /dev/x rw\n`)
    .join('');
  const sizes: Kernel['sizes'] = (paths) => Promise.resolve(paths.map(() => systemError(110)));
  return onMachine(t, files, { links, kernel: { ...kernel, sizes, ...more } });
}

const pci = '/pci0000:00/0000:00:05.0';

const virtio: Disk = {
  path: `${pci}/virtio2/block/vda`,
  number: '254:0',
  drivers: { [pci]: 'virtio-pci' },
  partitions: ['vda1', 'vda2'],
};

async function addressOf(t: TestContext, disk: Disk): Promise<JsonObject | undefined> {
  // Behind its partitions.
  const found = ((await disksMachine(t, [disk]).value('guest-get-disks')) as Json[]).at(-1);
  assert.ok(isJsonObject(found));
  return found.address as JsonObject | undefined;
}

const bus = (address: JsonObject | undefined) => address && [address['bus-type'], address.bus, address.target, address.unit];

suite('addresses of disks', () => {
  const target = '/target2:0:3/2:0:3:4/block/sda';
  const cases: [string, Disk, Json[]][] = [
    ['virtio-blk', virtio, ['virtio', 0, 0, 0]],
    [
      'virtio-scsi',
      { path: `${pci}/virtio2/host2${target}`, number: '8:0', drivers: { [pci]: 'virtio-pci' } },
      ['scsi', 0, 0, 4],
    ],
    ['LSI SCSI', { path: `${pci}/host2${target}`, number: '8:0', drivers: { [pci]: 'sym53c8xx' } }, ['scsi', 0, 0, 3]],
    [
      'AHCI, by the port of its controller',
      {
        path: `${pci}/ata4/host3/target3:0:0/3:0:0:0/block/sda`,
        number: '8:0',
        drivers: { [pci]: 'ahci' },
        files: { [`${pci}/ata3/x`]: '', [`${pci}/ata10/x`]: '' },
      },
      ['sata', 0, 0, 1],
    ],
    [
      'IDE, by channel and unit',
      {
        path: `${pci}/ata2/host1/target1:0:1/1:0:1:0/block/sda`,
        number: '8:0',
        drivers: { [pci]: 'ata_piix' },
        files: { [`${pci}/ata1/x`]: '' },
      },
      ['ide', 1, 0, 1],
    ],
    ['NVMe', { path: `${pci}/nvme/nvme0/nvme0n1`, number: '259:0', drivers: { [pci]: 'nvme' } }, ['nvme', 0, 0, 0]],
    ['USB', { path: `${pci}/usb1/1-1/1-1:1.0/host2${target}`, number: '8:0', drivers: { [pci]: 'xhci_hcd' } }, ['usb', 0, 0, 0]],
    ['virtio without PCI', { path: '/platform/a000000.virtio_mmio/virtio0/block/vda', number: '254:0' }, ['virtio', 0, 0, 0]],
    [
      'others',
      { path: `${pci}/mmc_host/mmc0/mmc0:0001/block/mmcblk0`, number: '179:0', drivers: { [pci]: 'sdhci-pci' } },
      ['unknown', 0, 0, 0],
    ],
  ];
  for (const [name, disk, expected] of cases)
    it(`tell ${name}`, async (t) => assert.deepEqual(bus(await addressOf(t, disk)), expected));

  it('name the PCI function that has the driver, behind bridges, in hexadecimal', async (t) => {
    const behind = '/pci0000:00/0000:00:1e.0/0000:0a:1f.7';
    const address = await addressOf(t, {
      path: `${behind}/virtio0/block/vda`,
      number: '254:0',
      drivers: { '/pci0000:00/0000:00:1e.0': 'pcieport', [behind]: 'virtio-pci' },
    });
    assert.deepEqual(address?.['pci-controller'], { domain: 0, bus: 10, slot: 31, function: 7 });
    const unknown = await addressOf(t, { path: '/platform/x/block/mmcblk0', number: '179:0' });
    assert.deepEqual(unknown?.['pci-controller'], { domain: -1, bus: -1, slot: -1, function: -1 });
  });

  it('tell the serial that udev knows, else that of the device', async (t) => {
    const serial = async (more: Partial<Disk>) => (await addressOf(t, { ...virtio, ...more }))?.serial;
    const sysfs = { [`${virtio.path}/serial`]: 'SYSFS\n' };
    assert.equal(await serial({}), undefined);
    assert.equal(await serial({ files: sysfs }), 'SYSFS');
    assert.equal(
      await serial({ files: sysfs, udev: 'S:disk/by-id/x\nE:ID_SERIAL=MODEL_UDEV\nE:ID_SERIAL_SHORT=UDEV\n' }),
      'MODEL_UDEV',
    );
    assert.equal(await serial({ files: { [`${virtio.path}/device/serial`]: 'NVME ' } }), 'NVME');
    assert.equal(await serial({ files: { [`${virtio.path}/serial`]: '\n' } }), undefined);
  });
});

suite('guest-get-disks', () => {
  it('lists disks and partitions with what they lie on, the last first', async (t) => {
    const dm: Disk = {
      path: '/virtual/block/dm-0',
      number: '253:0',
      slaves: ['vda'],
      files: { '/virtual/block/dm-0/dm/name': 'vg-root\n' },
    };
    const stage = disksMachine(t, [virtio, dm]);
    const disks = await stage.ask(getDisks, undefined);
    assert.deepEqual(
      disks
        .map(({ name, partition, dependencies, alias }) => ({ name, partition, dependencies, alias }))
        .toSorted((one, other) => one.name.localeCompare(other.name)),
      [
        { name: '/dev/dm-0', partition: false, dependencies: ['/dev/vda'], alias: 'vg-root' },
        { name: '/dev/vda', partition: false, dependencies: undefined, alias: undefined },
        { name: '/dev/vda1', partition: true, dependencies: ['/dev/vda'], alias: undefined },
        { name: '/dev/vda2', partition: true, dependencies: ['/dev/vda'], alias: undefined },
      ],
    );
    const order = disks.map(({ name }) => name);
    assert.ok(order.indexOf('/dev/vda1') < order.indexOf('/dev/vda'));
    assert.equal(disks.find(({ name }) => name === '/dev/dm-0')?.address, undefined);
    assert.equal(disks.find(({ name }) => name === '/dev/vda')?.address?.busType, 'virtio');
  });

  it('leaves out drives without a medium', async (t) => {
    const empty = { ...virtio, files: { [`${virtio.path}/size`]: '0\n' } };
    assert.deepEqual(await disksMachine(t, [empty]).ask(getDisks, undefined), []);
  });

  it('says so where there is no sysfs', async (t) => {
    assert.equal(
      await onMachine(t, {}).refusal('guest-get-disks'),
      'Can\'t open directory "/sys/block": No such file or directory',
    );
  });
});

suite('guest-get-fsinfo', () => {
  it('tells where filesystems are, how full, and on which disks, the last mounted first', async (t) => {
    const size: FilesystemSize = { blockSize: 4096, blocks: 2n ** 40n, free: 2n ** 39n, available: 2n ** 38n };
    const answers: (FilesystemSize | SystemError)[] = [systemError(110), size];
    const asked: unknown[] = [];
    const stage = disksMachine(t, [virtio], ['254:1', '254:2'], {
      sizes: (paths) => (asked.push(paths), Promise.resolve(answers)),
    });
    assert.deepEqual(await stage.ask(getFsinfo, undefined), [
      { name: 'vda2', mountpoint: '/m1', type: 'ext4' },
      { name: 'vda1', mountpoint: '/m0', type: 'ext4' },
    ]);
    assert.deepEqual(asked, [['/m1', '/m0']]);
    const [second, first] = (await stage.value('guest-get-fsinfo')) as JsonObject[];
    assert.deepEqual([second!['used-bytes'], second!['total-bytes']], [undefined, undefined]);
    const shift = (bytes: Json | undefined) => Number(bytes) / 4096;
    assert.deepEqual([first!['used-bytes'], first!['total-bytes'], first!['total-bytes-privileged']].map(shift), [
      2 ** 39,
      2 ** 39 + 2 ** 38,
      2 ** 40,
    ]);
    assert.equal((first!.disk as JsonObject[])[0]!.dev, '/dev/vda1');
  });

  it('looks through device-mapper and md to every disk below', async (t) => {
    const other: Disk = {
      path: '/pci0000:00/0000:00:06.0/virtio3/block/vdb',
      number: '254:16',
      drivers: { '/pci0000:00/0000:00:06.0': 'virtio-pci' },
    };
    const md: Disk = { path: '/virtual/block/md0', number: '9:0', slaves: ['vda', 'vdb'] };
    const dm: Disk = { path: '/virtual/block/dm-0', number: '253:0', slaves: ['md0'] };
    const [found] = (await disksMachine(t, [virtio, other, md, dm], ['253:0']).value('guest-get-fsinfo')) as JsonObject[];
    assert.equal(found!.name, 'dm-0');
    assert.deepEqual(
      (found!.disk as JsonObject[]).map(({ dev }) => dev),
      ['/dev/vdb', '/dev/vda'],
    );
  });

  it('ends although devices lie in a circle', async (t) => {
    const one: Disk = { path: '/virtual/block/dm-0', number: '253:0', slaves: ['dm-1'] };
    const two: Disk = { path: '/virtual/block/dm-1', number: '253:1', slaves: ['dm-0'] };
    const [found] = (await disksMachine(t, [one, two], ['253:0']).value('guest-get-fsinfo')) as JsonObject[];
    assert.deepEqual(found!.disk, []);
  });

  it('names by its number a device that sysfs does not show', async (t) => {
    const found = await disksMachine(t, [], ['8:1']).value('guest-get-fsinfo');
    assert.deepEqual(found, [{ name: '8:1', mountpoint: '/m0', type: 'ext4', disk: [] }]);
  });

  it('says so without a mount table', async (t) => {
    assert.equal(await onMachine(t, {}).refusal('guest-get-fsinfo'), 'failed to open mount table: No such file or directory');
  });
});

suite('guest-fstrim', () => {
  const mounts = ['254:1', '254:2', '8:1', '8:2'];

  it('tells of each filesystem what was trimmed or why not', async (t) => {
    const stage = disksMachine(t, [], mounts, {
      trim: () => Promise.resolve([{ trimmed: 2n ** 60n, minimum: 4096n }, systemError(95), systemError(25), systemError(5)]),
    });
    const none = { trimmed: undefined, minimum: undefined };
    assert.deepEqual(await stage.ask(fstrim, { minimum: 0 }), [
      { path: '/m3', trimmed: 2n ** 60n, minimum: 4096n, error: undefined },
      { path: '/m2', ...none, error: 'trim not supported' },
      { path: '/m1', ...none, error: 'trim not supported' },
      { path: '/m0', ...none, error: 'failed to trim: Input/output error' },
    ]);
    assert.deepEqual(stage.audits, ['info: guest-fstrim called']);
  });

  it('hands the kernel the minimum, which has no sign there', async (t) => {
    const asked: bigint[] = [];
    const stage = disksMachine(t, [], [], { trim: (_, minimum) => (asked.push(minimum), Promise.resolve([])) });
    for (const minimum of [0, 2 ** 31, 2n ** 63n - 1n, -1]) await stage.value('guest-fstrim', { minimum });
    await stage.value('guest-fstrim');
    assert.deepEqual(asked, [0n, 2n ** 31n, 2n ** 63n - 1n, 2n ** 64n - 1n, 0n]);
    assert.equal(await stage.wire('guest-fstrim'), '{"return": {"paths": []}}\n');
  });
});
