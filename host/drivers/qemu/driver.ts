/** The driver for plain QEMU: sockets that the host's file lists or its patterns find. */

import { StillframeError, isStillframeError } from '../../../model/errors.ts';
import { zeroUuid, type GuestId } from '../../../model/ids.ts';
import type { GuestListing } from '../../../model/guest/listing.ts';
import type { HostConfig, ListedGuest } from '../../config.ts';
import { withDeadline } from '../../../lib/deadline.ts';
import type { Log } from '../../../lib/log.ts';
import type { AgentAddress } from '../../channel/types.ts';
import type { Driver, Guest } from '../driver.ts';
import { queryDefinition } from './definition.ts';
import { openHolders, type Holders } from './holders.ts';
import { queryDisks, queryState, queryUuid } from './identify.ts';
import { createMonitors } from './monitors.ts';
import { createPointInTimeDriver } from './point-in-time.ts';
import { guestSources } from './sources.ts';
import { watchGuest } from './watch.ts';

export interface QemuDriverParts {
  config: Pick<HostConfig, 'guests' | 'scratch'>;
  stateDir: string;
  log: Log;
}

/** A list waits this long for a QEMU that hangs: longer than for its greeting, so that a monitor with another client is reported as held. */
const listMs = 8_000;

export function createQemuDriver({ config, stateDir, log }: QemuDriverParts): Driver {
  const monitors = createMonitors(log);
  const known = new Map<GuestId, ListedGuest>();
  /** Where the monitor of each guest was when it could last be used: what it still owes us is looked for there. */
  const monitorPaths = new Map<GuestId, string>();
  let holders: Promise<Holders> | undefined;
  /** By monitor: who was there when it last answered. */
  const last = new Map<string, GuestId>();

  const idOf = (source: ListedGuest): Promise<GuestId> =>
    source.id ? Promise.resolve(source.id) : monitors.ask(source.monitor, queryUuid);

  async function list(source: ListedGuest, before: Holders): Promise<GuestListing> {
    const listing: GuestListing = {
      id: source.id ?? last.get(source.monitor) ?? before.idAt(source.monitor) ?? null,
      name: source.name,
      state: 'unreachable',
      disks: [],
      carries: source.carries,
      problem: null,
    };
    try {
      const asked = monitors.ask(source.monitor, async (monitor) => ({
        id: source.id ?? (await queryUuid(monitor)),
        state: await queryState(monitor),
        disks: (await queryDisks(monitor)).captured.map(({ device, bytes }) => ({ device, bytes })),
      }));
      const answer = await withDeadline(
        asked,
        listMs,
        () => new StillframeError('monitor-timed-out', `no answer within ${listMs} ms`),
      );
      last.set(source.monitor, answer.id);
      return { ...listing, ...answer, problem: answer.id === zeroUuid ? 'guest-uuid-zero' : null };
    } catch (error) {
      return { ...listing, problem: isStillframeError(error) ? error.code : 'monitor-garbled' };
    }
  }

  async function inventory(): Promise<GuestListing[]> {
    const sources = await guestSources(config.guests);
    const accepted = await (holders ??= openHolders(stateDir));
    const listings = await Promise.all(sources.map((source) => list(source, accepted)));
    const found = listings.flatMap((listing, index) => {
      if (listing.problem !== null || listing.id === null) return [];
      const source = sources[index]!;
      return [{ listing, source, claim: { id: listing.id, monitor: source.monitor, isNamed: source.id !== undefined } }];
    });
    const claims = found.map(({ claim }) => claim);
    const lost = accepted.refused(claims, new Set(sources.map(({ monitor }) => monitor)));
    known.clear();
    for (const { listing, source, claim } of found) {
      if (lost.has(claim)) listing.problem = 'guest-ambiguous';
      else remember(claim.id, source);
    }
    await accepted.remember(claims.filter((claim) => !lost.has(claim)));
    return listings;
  }

  function remember(id: GuestId, source: ListedGuest): void {
    known.set(id, source);
    monitorPaths.set(id, source.monitor);
  }

  /** A socket may have got another guest since we looked: the id is asked for each time. */
  async function guest(id: GuestId): Promise<Guest> {
    const source = known.get(id);
    if (source && (await idOf(source).catch(() => undefined)) === id) return describe(id, source);
    const listings = await inventory();
    const found = known.get(id);
    if (found) return describe(id, found);
    throw notUsable(id, listings);
  }

  return {
    inventory,
    guest,
    watch: async ({ id }) => watchGuest(await monitors.use(monitorPaths.get(id)!)),
    async definition({ id }) {
      const path = monitorPaths.get(id)!;
      return monitors.ask(path, (monitor) => queryDefinition(monitor, path));
    },
    pointInTime: createPointInTimeDriver({
      monitors,
      config,
      stateDir,
      log,
      monitorPaths,
      monitorsInFile: async () => new Set((await guestSources(config.guests)).map(({ monitor }) => monitor)),
    }),
  };
}

function describe(id: GuestId, { name, channel, agentChannel, carries }: ListedGuest): Guest {
  return {
    id,
    name,
    channel: socketAt(channel),
    agentChannel: agentChannel === undefined ? undefined : socketAt(agentChannel),
    carries,
  };
}

function socketAt(path: string): AgentAddress {
  return { kind: 'socket', path };
}

function notUsable(id: GuestId, listings: GuestListing[]): StillframeError {
  const same = listings.filter((each) => each.id === id);
  const names = same.map((each) => each.name).join(' and ');
  if (id === zeroUuid) {
    return new StillframeError(
      'guest-uuid-zero',
      `guest ${names || id} has the all-zero UUID, as every guest has that was started without one: start it with -uuid, or give it an id: in the host's file`,
      { id },
    );
  }
  if (same.length > 1) {
    return new StillframeError(
      'guest-ambiguous',
      `guests ${names} have the same id ${id}, and this host does not know which one it is: give one of them an id: in the host's file`,
      { id },
    );
  }
  const [only] = same;
  if (only?.problem) {
    return new StillframeError(
      only.problem === 'monitor-held' ? 'monitor-held' : 'monitor-unreachable',
      `guest ${only.name} cannot be used (${only.problem}): "stillframe doctor" says more`,
      { id, problem: only.problem },
    );
  }
  const broken = listings.filter((each) => each.problem !== null).map((each) => `${each.name} (${each.problem})`);
  const hint = broken.length === 0 ? '' : `; not answering: ${broken.join(', ')}`;
  return new StillframeError('guest-unknown', `this host has no guest ${id}${hint}`, { id });
}
