/** Whether what a guest has mounted lies on the disks of the point in time: both sides name a disk by the PCI function that carries it. */

import { reason, type Reason } from './reasons.ts';

/** The places of a guest's disks as QEMU knows them; null where it is not known. */
export interface DiskPlaces {
  captured: (string | null)[];
  /** Disks that are not in the point in time. */
  others: (string | null)[];
}

/**
 * The places of the disks below one filesystem as the guest reports them: `0000:00:03.0`; `none` for a part of it that is on no disk (memory,
 * network); `unknown` for a disk elsewhere. Undefined when the guest reports none of that.
 */
export type FilesystemPlaces = readonly string[] | undefined;

export const noPlace = 'none';
export const unknownPlace = 'unknown';

export function pciPlace(address: { domain: number; bus: number; slot: number; function: number }): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  return `${hex(address.domain, 4)}:${hex(address.bus, 2)}:${hex(address.slot, 2)}.${address.function.toString(16)}`;
}

/** What the point in time does not hold, and what cannot be told; once for each device. */
export function uncaptured(
  filesystems: readonly { mountpoint: string; device: string; places?: FilesystemPlaces }[],
  disks: DiskPlaces,
): Reason[] {
  const first = new Map(filesystems.toReversed().map((each) => [each.device, each]));
  return filesystems.flatMap((each) => {
    if (first.get(each.device) !== each) return [];
    const sights = each.places?.map((place) => sightOf(place, disks)) ?? ['not-told' as const];
    const missing = sights.find((sight) => sight === 'not-captured') ?? sights.find((sight) => sight === 'not-told');
    return missing ? [reason(missing, each.mountpoint, each.device)] : [];
  });
}

/** A controller can carry several disks, so a place is captured only when nothing else is there. */
function sightOf(place: string, { captured, others }: DiskPlaces): 'captured' | 'not-captured' | 'not-told' {
  if (place === noPlace) return 'not-captured';
  if (place === unknownPlace) return 'not-told';
  if (captured.includes(place)) return others.includes(place) ? 'not-told' : 'captured';
  return captured.includes(null) ? 'not-told' : 'not-captured';
}
