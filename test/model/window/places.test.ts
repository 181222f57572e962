/** What a point in time does not hold of the filesystems of its guest, and of which that cannot be told. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pciPlace, uncaptured, type FilesystemPlaces } from '../../../model/window/places.ts';

const data = '0000:00:03.0';
const disks = { captured: ['0000:00:02.0', data], others: ['0000:00:04.0'] };
const on = (...places: string[]) => [{ mountpoint: '/data', device: 'dm-0', places }];
const silent: { mountpoint: string; device: string; places?: FilesystemPlaces }[] = [{ mountpoint: '/data', device: 'dm-0' }];

test('a PCI function is written as lspci writes it', () => {
  assert.equal(pciPlace({ domain: 0, bus: 10, slot: 31, function: 2 }), '0000:0a:1f.2');
});

test('a filesystem whose disks are all captured gives no reason', () => {
  assert.deepEqual(uncaptured(on(data), disks), []);
  assert.deepEqual(uncaptured(on('0000:00:02.0', data), disks), []);
});

test('a filesystem in memory, on a disk that is left out, or on one that QEMU does not have is named', () => {
  for (const place of ['none', '0000:00:04.0', '0000:05:00.0']) {
    assert.deepEqual(uncaptured(on(place), disks), ['not-captured /data dm-0'], place);
    assert.deepEqual(uncaptured(on(data, place), disks), ['not-captured /data dm-0'], `a part on ${place}`);
  }
});

test('what cannot be told is said: the guest does not, the disk is elsewhere, QEMU does not name one, a controller has both kinds', () => {
  const untold = ['not-told /data dm-0'];
  assert.deepEqual(uncaptured(silent, disks), untold);
  assert.deepEqual(uncaptured(on('unknown'), disks), untold);
  assert.deepEqual(uncaptured(on('0000:05:00.0'), { captured: [data, null], others: [] }), untold);
  assert.deepEqual(uncaptured(on(data), { captured: [data], others: [data] }), untold);
  assert.deepEqual(uncaptured(on('none', 'unknown'), disks), ['not-captured /data dm-0'], 'the graver one');
});

test('a device is named once, by its first mount point', () => {
  const twice = [...on('none'), { ...on('none')[0]!, mountpoint: '/bind' }];
  assert.deepEqual(uncaptured(twice, disks), ['not-captured /data dm-0']);
});
