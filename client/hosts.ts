/** Finds guests by what their hosts announced. */

import { StillframeError } from '../model/errors.ts';
import type { GuestListing } from '../model/guest/listing.ts';
import type { GuestId, HostId } from '../model/ids.ts';
import { hostEntity, type Inventory } from '../model/workflows/host-entity.ts';
import { didYouMean } from '../model/near.ts';
import { readMessage } from '../model/workflows/messages.ts';
import { grpc, grpcCode, type Temporal } from './connection.ts';
import { ask } from './workflows.ts';

export interface FoundListing {
  guest: GuestListing;
  inventory: Inventory;
}

/** A guest that work can be sent to. */
export interface FoundGuest extends FoundListing {
  guest: GuestListing & { id: GuestId };
}

/** A workflow answers a query in milliseconds when a control worker runs, and never without one. */
const queryMs = 5_000;

/** What every host of the fleet announced, by host id. @throws control-absent */
export async function findHosts({ client }: Pick<Temporal, 'client'>): Promise<Inventory[]> {
  const ids: string[] = [];
  const query = `WorkflowType = '${hostEntity.type}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  const answers = await Promise.all(
    ids.map(async (id) => {
      try {
        const question = () => ask(client.workflow.getHandle(id), hostEntity.queries.inventory);
        return await client.withDeadline(Date.now() + queryMs, question);
      } catch (error) {
        throw unanswered(error);
      }
    }),
  );
  // One entity that holds something else must not hide every other host.
  const inventories = answers.filter((answer) => answer !== null && readMessage('inventory', answer) !== undefined);
  return (inventories as Inventory[]).sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** Hosts that announce a guest of this id: more than one while it moves. @throws control-absent */
export async function findHostsWith({ client }: Pick<Temporal, 'client'>, id: GuestId): Promise<HostId[]> {
  const inventories = await findHosts({ client });
  return inventories.filter(({ guests }) => guests.some((guest) => guest.id === id)).map(({ host }) => host);
}

/** @throws guest-unknown, guest-ambiguous, guest-id-unknown, control-absent */
export async function findGuest(temporal: Temporal, wanted: string): Promise<FoundGuest> {
  return demandId(await findListing(temporal, wanted));
}

/** Also one whose id is not known. @throws guest-unknown, guest-ambiguous, control-absent */
export async function findListing(temporal: Temporal, wanted: string): Promise<FoundListing> {
  return resolveGuest(await findHosts(temporal), wanted);
}

/** Journals, locks and restore points go by the id. @throws guest-id-unknown */
export function demandId({ guest, inventory }: FoundListing): FoundGuest {
  const { id, name, problem } = guest;
  if (id !== null) return { guest: { ...guest, id }, inventory };
  throw new StillframeError(
    'guest-id-unknown',
    `the id of guest ${name} on ${inventory.host} is not known, since its QEMU has not answered yet (${problem}): start the guest, or give it an id: in the host's file`,
    { guest: name, host: inventory.host },
  );
}

/** By id or by name. @throws guest-unknown with the near names, guest-ambiguous with the ids to choose from */
export function resolveGuest(inventories: readonly Inventory[], wanted: string): FoundListing {
  const all = inventories.flatMap((inventory) => inventory.guests.map((guest) => ({ guest, inventory })));
  const byId = all.filter(({ guest }) => guest.id === wanted.toLowerCase());
  const matches = byId.length > 0 ? byId : all.filter(({ guest }) => guest.name === wanted);
  if (matches.length === 1) return matches[0]!;
  if (matches.length > 1) throw ambiguous(wanted, matches);
  const hint =
    inventories.length === 0
      ? ' No host has announced itself: start "stillframe worker host" (or "stillframe up") on one'
      : `${didYouMean(
          wanted,
          all.map(({ guest }) => guest.name),
        )} "stillframe guest list" shows all`;
  throw new StillframeError('guest-unknown', `no guest is called ${JSON.stringify(wanted)}.${hint}`, { guest: wanted });
}

function ambiguous(wanted: string, matches: FoundListing[]): StillframeError {
  const each = matches.map(({ guest, inventory }) => `${guest.id ?? 'id unknown'} on ${inventory.host}`).join(', ');
  return new StillframeError(
    'guest-ambiguous',
    `${matches.length} guests are called ${JSON.stringify(wanted)}: ${each}; name the one you mean by its id`,
    { guest: wanted },
  );
}

function unanswered(error: unknown): unknown {
  const code = grpcCode(error);
  if (code !== grpc.deadlineExceeded && code !== grpc.failedPrecondition) return error;
  return new StillframeError(
    'control-absent',
    'nobody runs the workflows: start "stillframe worker control" (or "stillframe up")',
    {},
    error,
  );
}
