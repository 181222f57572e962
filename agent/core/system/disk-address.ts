/** Reads from a disk's path in sysfs where it is attached; hosts identify their disks by it. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Files } from '../platform.ts';
import { nodeOf, propertyOf } from './block-device.ts';
import { orUndefined } from './call-errors.ts';

/** The address of a disk or partition at this resolved path. Undefined when nothing is known of it. */
export function diskAddress(files: Files, sysPath: string): JsonObject | undefined {
  const dev = nodeOf(files, sysPath);
  const serial = serialOf(files, sysPath);
  const place = placeOf(files, sysPath);
  if (!place.isKnown && dev === undefined && serial === undefined) return undefined;
  return {
    'pci-controller': place.pci,
    'bus-type': place.bus[0],
    bus: place.bus[1],
    target: place.bus[2],
    unit: place.bus[3],
    ...(serial !== undefined && { serial }),
    ...(dev !== undefined && { dev }),
  };
}

interface Place {
  isKnown: boolean;
  pci: JsonObject;
  /** Type, bus, target, unit. */
  bus: [string, number, number, number];
}

const noBus: Place['bus'] = ['unknown', 0, 0, 0];
const noPci = { domain: -1, bus: -1, slot: -1, function: -1 };

function placeOf(files: Files, sysPath: string): Place {
  const target = targetOf(sysPath);
  if (!sysPath.includes('/devices/pci')) {
    const isVirtio = sysPath.includes('/virtio') && sysPath.includes('/block');
    const bus: Place['bus'] = target ? ['scsi', ...target] : ['virtio', 0, 0, 0];
    return { isKnown: isVirtio, pci: noPci, bus: isVirtio ? bus : noBus };
  }
  const controller = controllerOf(files, sysPath);
  if (!controller) return { isKnown: false, pci: noPci, bus: noBus };
  const bus = busOf(files, sysPath, controller.driver, target);
  return { isKnown: bus !== undefined, pci: controller.pci, bus: bus ?? noBus };
}

/** Channel, target and unit of a SCSI device, as Linux numbers them. */
function targetOf(sysPath: string): [number, number, number] | undefined {
  const found = /\/target\d+:\d+:\d+\/\d+:(\d+):(\d+):(\d+)/.exec(sysPath);
  return found ? [Number(found[1]), Number(found[2]), Number(found[3])] : undefined;
}

/** The drivers whose disks qemu-ga can number. */
const drivers = new Set(['ata_piix', 'sym53c8xx', 'virtio-pci', 'ahci', 'nvme', 'xhci_hcd', 'ehci-pci']);

/** The first PCI function on the path, from the root, that has such a driver: bridges precede it. */
function controllerOf(files: Files, sysPath: string): { driver: string; pci: JsonObject } | undefined {
  const root = /^.*?\/devices\/pci[0-9a-f]+:[0-9a-f]+/.exec(sysPath)?.[0];
  if (root === undefined) return undefined;
  const functions = /^(?:\/[0-9a-f]+:[0-9a-f]+:[0-9a-f]+\.[0-9a-f]+)+/.exec(sysPath.slice(root.length))?.[0] ?? '';
  let path = root;
  for (const each of functions.split('/').slice(1)) {
    path += `/${each}`;
    const link = orUndefined(() => files.readLink(`${path}/driver`));
    const driver = link?.slice(link.lastIndexOf('/') + 1);
    if (driver === undefined || !drivers.has(driver)) continue;
    const [domain, bus, slot, fn] = each.split(/[:.]/).map((digits) => Number.parseInt(digits, 16)) as [
      number,
      number,
      number,
      number,
    ];
    return { driver, pci: { domain, bus, slot, function: fn } };
  }
  return undefined;
}

/** Undefined when the path does not have the form of this driver's paths. */
function busOf(files: Files, sysPath: string, driver: string, target: ReturnType<typeof targetOf>): Place['bus'] | undefined {
  switch (driver) {
    case 'ata_piix': {
      const host = hostIndex(files, sysPath);
      return host === undefined || !target ? undefined : ['ide', host, 0, target[1]];
    }
    case 'ahci': {
      const host = hostIndex(files, sysPath);
      return host === undefined || !target ? undefined : ['sata', 0, 0, host];
    }
    case 'sym53c8xx':
      return target && ['scsi', 0, 0, target[1]];
    case 'virtio-pci':
      return target ? ['scsi', 0, 0, target[2]] : ['virtio', 0, 0, 0];
    case 'nvme':
      return ['nvme', 0, 0, 0];
    default:
      return ['usb', 0, 0, 0];
  }
}

/** The port of its controller: the kernel numbers ports over all controllers. */
function hostIndex(files: Files, sysPath: string): number | undefined {
  const port = /^(.*?)\/(ata)(\d+)/.exec(sysPath) ?? /^(.*?)\/(host)(\d+)/.exec(sysPath);
  if (!port) return undefined;
  const [, directory, kind, number] = port;
  const numbers = (orUndefined(() => files.list(directory!)) ?? [])
    .map((name) => new RegExp(`^${kind}(\\d+)$`).exec(name)?.[1])
    .filter((found) => found !== undefined)
    .map(Number)
    .toSorted((one, other) => one - other);
  const index = numbers.indexOf(Number(number));
  return index < 0 ? undefined : index;
}

/** udev's where it exists, because hosts know that; else the device's own: at the disk, and for NVMe at its controller. */
function serialOf(files: Files, sysPath: string): string | undefined {
  const parent = sysPath.slice(0, sysPath.lastIndexOf('/'));
  const read = (path: string) => orUndefined(() => files.readText(path))?.trim();
  return (
    propertyOf(files, sysPath, 'ID_SERIAL') ||
    read(`${sysPath}/serial`) ||
    read(`${sysPath}/device/serial`) ||
    read(`${parent}/serial`) ||
    read(`${parent}/device/serial`) ||
    undefined
  );
}
