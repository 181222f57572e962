/** Where QEMU has attached a guest's disks: by PCI function, which the guest sees too. */

import { isStillframeError } from '../../../model/errors.ts';
import { pciPlace, type DiskPlaces } from '../../../model/window/places.ts';
import type { Json, JsonObject } from '../../../protocol/json.ts';
import type { Monitor } from '../../channel/types.ts';
import { objects } from './identify.ts';

/** A disk on no PCI function (virtio-mmio, a machine without PCI), or one that QEMU does not name, has none: null. */
export async function queryPlaces(monitor: Monitor): Promise<DiskPlaces> {
  const places: DiskPlaces = { captured: [], others: [] };
  const busOf = await busNumbers(monitor);
  for (const { inserted, qdev } of objects(await monitor.execute('query-block'))) {
    if (!inserted) continue;
    const place = typeof qdev === 'string' ? await placeOf(monitor, qdev, busOf) : null;
    ((inserted as JsonObject).ro === true ? places.others : places.captured).push(place);
  }
  return places;
}

/** Real stacks are not deeper: a disk, its SCSI or virtio bus, its controller. */
const mostLevels = 8;

/** From the disk's device over the buses that carry it to the first device that has a PCI address. */
async function placeOf(monitor: Monitor, qdev: string, busOf: BusNumbers): Promise<string | null> {
  let path = qdev.startsWith('/') ? qdev : `/machine/peripheral/${qdev}`;
  for (let level = 0; level < mostLevels; level++) {
    const address = await property(monitor, path, 'addr');
    const bus = await property(monitor, path, 'parent_bus');
    if (typeof bus !== 'string' || bus === '') return null;
    const above = parentOf(bus);
    if (typeof address !== 'number') path = above;
    else {
      const carrier = await property(monitor, above, 'addr');
      // The root bus hangs on the host bridge, which has no address.
      const number = typeof carrier === 'number' ? busOf(lastOf(above)) : 0;
      return number === undefined ? null : pciPlace({ domain: 0, bus: number, slot: address >> 3, function: address & 7 });
    }
  }
  return null;
}

type BusNumbers = (bridge: string) => number | undefined;

/** The numbers that the guest's firmware gave to the buses behind bridges, by the id of the bridge. */
async function busNumbers(monitor: Monitor): Promise<BusNumbers> {
  const numbers = new Map<string, number>();
  const visit = (devices: JsonObject[]) => {
    for (const { qdev_id: id, pci_bridge: bridge } of devices) {
      if (!bridge) continue;
      const { bus, devices: below } = bridge as { bus: JsonObject; devices?: Json };
      // 0 is what it had at power-on: no firmware has numbered it.
      if (typeof id === 'string' && id !== '' && bus.secondary !== 0) numbers.set(id, Number(bus.secondary));
      visit(objects(below ?? []));
    }
  };
  for (const { devices } of objects(await unlessRefused(monitor.execute('query-pci'), []))) visit(objects(devices ?? []));
  return (bridge) => numbers.get(bridge);
}

const property = (monitor: Monitor, path: string, name: string): Promise<Json> =>
  unlessRefused(monitor.execute('qom-get', { path, property: name }), null);

/** Not every device has every property, and not every machine has PCI. */
async function unlessRefused(asked: Promise<Json>, otherwise: Json): Promise<Json> {
  try {
    return await asked;
  } catch (error) {
    if (isStillframeError(error, 'monitor-refused')) return otherwise;
    throw error;
  }
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
const lastOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
