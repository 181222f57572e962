/** Contract of `hostEntity`: a host as the fleet knows it. */

import type { GuestListing } from '../guest/listing.ts';
import { controlQueue, type HostId } from '../ids.ts';
import { contract, message, query } from './contract.ts';

export interface Inventory {
  host: HostId;
  /** /etc/machine-id of the host: a second machine with the same host id is refused. */
  machineId: string;
  guests: GuestListing[];
  repositories: string[];
  snapshots: string[];
  /** Wall clock, ISO 8601. */
  announcedAt: string;
}

/** Runs for as long as the host is known; started by the host's first announcement. */
export const hostEntity = contract<[known?: Inventory | null], never>()({
  type: 'hostEntity',
  queue: controlQueue,
  id: ({ host }: { host: HostId }) => `host/${host}`,
  queries: { inventory: query<Inventory | null>('inventory') },
  updates: { announce: message<Inventory>('announce') },
});
