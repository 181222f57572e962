/** The freeze state of every guest of every host, each asked through its own host. */

import { mapBounded } from '../lib/map-bounded.ts';
import type { GuestListing } from '../model/guest/listing.ts';
import type { HostId } from '../model/ids.ts';
import type { GuestStatus } from '../model/workflows/guest-command.ts';
import type { Inventory } from '../model/workflows/host-entity.ts';
import { demandId, type FoundGuest } from './hosts.ts';

export interface FleetStatus {
  guest: GuestListing;
  host: HostId;
  /** Null when the guest could not be asked. */
  status: GuestStatus | null;
  /** Why it could not. */
  error: unknown;
}

/** Hosts that are asked at once, and guests of each: a host serves sixteen urgent activities at once, and thaws are among them. */
const mostHosts = 16;
const mostGuestsOfHost = 4;

/** Never rejects by a guest or a host that does not answer: it is in the list, with the reason. */
export async function statusOfFleet(
  hosts: readonly Inventory[],
  ask: (found: FoundGuest) => Promise<GuestStatus>,
): Promise<FleetStatus[]> {
  return (await mapBounded(hosts, mostHosts, (inventory) => statusOfHost(inventory, ask))).flat();
}

function statusOfHost(inventory: Inventory, ask: (found: FoundGuest) => Promise<GuestStatus>): Promise<FleetStatus[]> {
  let absent: unknown;
  return mapBounded(inventory.guests, mostGuestsOfHost, async (guest): Promise<FleetStatus> => {
    const row = { guest, host: inventory.host };
    try {
      // A host that does not take the first questions would let each of the others wait as long.
      if (absent !== undefined) throw absent;
      return { ...row, status: await ask(demandId({ guest, inventory })), error: null };
    } catch (error) {
      if (isHostAbsent(error)) absent = error;
      return { ...row, status: null, error };
    }
  });
}

function isHostAbsent(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as { type?: string }).type === 'host-absent') return true;
  }
  return false;
}
