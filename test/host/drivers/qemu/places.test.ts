/** Where a real QEMU has attached its disks: by PCI function, whatever lies between the disk and it. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { queryPlaces } from '../../../../host/drivers/qemu/places.ts';
import { startBareQemu } from '../../../fixtures/qemu.ts';

const device = (options: string) => ['-device', options];
const blank = (name: string, more = '') => ['-blockdev', `driver=null-co,node-name=${name},read-zeroes=on,size=1048576${more}`];

it('a disk is at the PCI function of its controller; read-only ones are told apart', async (t) => {
  const qemu = await startBareQemu(t, {
    disks: [],
    extra: [
      ...blank('a'),
      ...device('virtio-blk-pci,drive=a,id=va,addr=05.0'),
      ...blank('b'),
      ...device('virtio-blk-pci,drive=b,addr=06.1'),
      ...blank('c'),
      ...device('virtio-scsi-pci,id=hba,addr=07.0'),
      ...device('scsi-hd,drive=c,bus=hba.0,id=sd'),
      ...blank('d'),
      ...device('ide-hd,drive=d,bus=ide.2,id=sata'),
      ...blank('e', ',read-only=on'),
      ...device('scsi-cd,drive=e,bus=hba.0,id=cd0'),
    ],
  });
  assert.deepEqual(await queryPlaces(qemu.control), {
    captured: ['0000:00:05.0', '0000:00:06.1', '0000:00:07.0', '0000:00:1f.2'],
    others: ['0000:00:07.0'],
  });
});

it('a disk has no place behind a bridge that no firmware has numbered yet', async (t) => {
  const disk = (name: string, bus: string) => [...blank(name), ...device(`virtio-blk-pci,drive=${name},bus=${bus},id=v${name}`)];
  const ports = device('pcie-root-port,id=rp1,chassis=1');
  const qemu = await startBareQemu(t, { disks: [], extra: [...ports, ...disk('a', 'rp1')] });
  assert.deepEqual((await queryPlaces(qemu.control)).captured, [null]);
});
