/** Where disks are plugged in, of every kind that guests have. */

import assert from 'node:assert/strict';
import { it, suite, type TestContext } from 'node:test';
import { isJsonObject, type Json, type JsonObject } from '../../../../protocol/json.ts';

import { disksMachine, pci, virtio, type Disk } from './disks-machine.ts';

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
    it(`the address of ${name} is read from its path`, async (t) => assert.deepEqual(bus(await addressOf(t, disk)), expected));

  it('an address names the PCI function that has the driver, behind bridges, in hexadecimal', async (t) => {
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

  it('an address has the serial that udev knows, else that of the device', async (t) => {
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
