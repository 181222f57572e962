/** The sweep over all guests of a host: is any of them frozen although no window of ours is open on it? */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeDirectory, readJson, writeJson } from '../../lib/durable.ts';
import type { Log } from '../../lib/log.ts';
import { mapBounded } from '../../lib/map-bounded.ts';
import { isStillframeError, messageOf } from '../../model/errors.ts';
import type { GuestListing } from '../../model/guest/listing.ts';
import type { StrayFreeze, StrayPolicy, SweepReport } from '../../model/guest/stray-freeze.ts';
import type { GuestId } from '../../model/ids.ts';
import { fsfreezeThaw } from '../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { clientsOf } from '../channel/holder.ts';
import type { AgentChannel, Connect } from '../channel/types.ts';
import type { Driver, Guest } from '../drivers/driver.ts';
import type { Journal } from '../journal/journal.ts';
import { askFreezeState } from './freeze-state.ts';
import type { Windows } from './windows.ts';

export interface Sweep {
  /** Looks at every guest once; those that cannot be asked are in the report. */
  run(): Promise<SweepReport>;
  /** What the last sweep found on this guest; null when that was nothing, or not to be seen. */
  strayOf(guest: GuestId): StrayFreeze | null;
  /** Thaws the guest at once where it is frozen and no window of this host made that freeze. What was found. */
  thawStray(guest: GuestId): Promise<'thawed' | 'not-frozen' | 'ours' | 'unseen'>;
  /** Ends what was found on this guest: it has said that it is thawed. */
  seenThawed(guest: GuestId): void;
}

export interface SweepParts {
  driver: Pick<Driver, 'inventory' | 'guest'>;
  journal: Pick<Journal, 'intentOf'>;
  windows: Pick<Windows, 'whileIdle'>;
  connect: Connect;
  /** What to do about a freeze that nobody owes a thaw. */
  policy: StrayPolicy;
  stateDir: string;
  log: Log;
}

/** From the start of one sweep to the start of the next. */
const everyMs = 60_000;

/** For each sync and each answer: a question that can wait must not keep a dead agent's channel, nor a window, for long. */
const answerMs = 3_000;

/** Guests that are asked at once: an answer takes milliseconds, and a silent guest holds up one place of these. */
const mostAtOnce = 8;

/** A tool of its own may hold a guest for as long as one of our leases, so only a freeze that two sweeps in a row have seen is thawed. */
const sweepsBeforeThaw = 2;

/** Where the last report is kept, for doctor and for the next worker. */
export const sweepPath = (stateDir: string) => join(stateDir, 'sweep.json');

/** Sweeps at once and every minute until `signal`. */
export async function sweepForever(sweep: Pick<Sweep, 'run'>, { signal, log }: { signal: AbortSignal; log: Log }): Promise<void> {
  while (!signal.aborted) {
    const swept = sweep.run().catch((error: unknown) => log('error', `the guests could not be looked at: ${messageOf(error)}`));
    await Promise.all([swept, delay(everyMs, undefined, { signal }).catch(() => {})]);
  }
}

/** The report of the last sweep on this state directory; null when there was none, or its file is damaged. */
export async function lastSweep(stateDir: string): Promise<SweepReport | null> {
  return ((await readJson(sweepPath(stateDir)).catch(() => null)) as SweepReport | null | undefined) ?? null;
}

/**
 * `clear`: not frozen, or under the lease of its agent, which ends by itself. `ours`: inside a window of ours, or owed a thaw, and asked by
 * the process that holds the window or pursues the thaw.
 */
type Sight = { kind: 'clear' | 'thawed' | 'ours' | 'frozen' } | { kind: 'unseen'; why: string };

export function createSweep({ driver, journal, windows, connect, policy, stateDir, log }: SweepParts): Sweep {
  let strays: Map<GuestId, StrayFreeze> | undefined;

  async function run(): Promise<SweepReport> {
    const before = (strays ??= await carriedOver());
    const listings = await driver.inventory();
    const sights = await mapBounded(listings, mostAtOnce, (listing) => look(listing, before));
    const sweptAt = new Date().toISOString();
    strays = new Map(
      listings.flatMap((listing, index) => {
        const stray = strayAfter(listing, sights[index]!, before, sweptAt);
        return stray ? [[stray.guest, stray]] : [];
      }),
    );
    report(before, strays);
    const unseen = listings.flatMap(({ name }, index) => {
      const sight = sights[index]!;
      return sight.kind === 'unseen' ? [{ guestName: name, why: sight.why }] : [];
    });
    return keep({ sweptAt, strays: [...strays.values()], unseen });
  }

  async function look(listing: GuestListing, before: ReadonlyMap<GuestId, StrayFreeze>): Promise<Sight> {
    const { id, problem, state } = listing;
    if (problem !== null || id === null) return { kind: 'unseen', why: problem ?? 'guest-id-unknown' };
    // An agent answers only while its guest runs.
    if (state !== 'running') return { kind: 'unseen', why: state };
    try {
      const seen = await windows.whileIdle(id, async (guest): Promise<Sight> => {
        if (await journal.intentOf(id)) return { kind: 'ours' };
        const sweeps = (before.get(id)?.sweeps ?? 0) + 1;
        return ask(guest, policy === 'thaw' && sweeps >= sweepsBeforeThaw);
      });
      return seen ?? { kind: 'ours' };
    } catch (error) {
      return { kind: 'unseen', why: codeOf(error) };
    }
  }

  /** On the first of the guest's channels that is free and has an agent. */
  async function ask(guest: Guest, mayThaw: boolean): Promise<Sight> {
    let why = 'agent-absent';
    for (const address of [guest.agentChannel, guest.channel]) {
      if (!address) continue;
      // QEMU serves one client at a time: another program's channel is left alone, and is not waited for.
      if ((await clientsOf(address.path)).served.length > 0) {
        why = 'channel-held';
        continue;
      }
      try {
        const channel = await connect(address, answerMs);
        try {
          return await askAndThaw(channel, guest, mayThaw);
        } finally {
          channel.close();
        }
      } catch (error) {
        why = codeOf(error);
      }
    }
    return { kind: 'unseen', why };
  }

  async function askAndThaw(channel: AgentChannel, guest: Guest, mayThaw: boolean): Promise<Sight> {
    if (!(await isStray(channel))) return { kind: 'clear' };
    if (!mayThaw) return { kind: 'frozen' };
    const count = await channel.execute(fsfreezeThaw, undefined);
    const thawed = !(await isStray(channel));
    const what = thawed ? 'was thawed' : 'was sent a thaw, and is frozen still';
    log(thawed ? 'warn' : 'error', `guest ${guest.name} had a freeze that no window of this host made: it ${what}`, {
      guest: guest.id,
      found: count,
    });
    return { kind: thawed ? 'thawed' : 'frozen' };
  }

  function report(before: ReadonlyMap<GuestId, StrayFreeze>, now: ReadonlyMap<GuestId, StrayFreeze>): void {
    for (const { guest, guestName } of now.values()) {
      if (before.has(guest)) continue;
      log(
        'warn',
        `guest ${guestName} is frozen, and by no window of this host: find out which program froze it, or undo it with "stillframe guest thaw ${guestName}"`,
        { guest },
      );
    }
    for (const { guest, guestName, foundAt } of before.values()) {
      if (!now.has(guest)) log('info', `guest ${guestName} is not found frozen any more`, { guest, foundAt });
    }
  }

  /** What a worker before this one has found, if that is so recent that its sweeps and ours are in a row. */
  async function carriedOver(): Promise<Map<GuestId, StrayFreeze>> {
    const last = await lastSweep(stateDir);
    const ageMs = Date.now() - Date.parse(last?.sweptAt ?? '');
    const inRow = ageMs >= 0 && ageMs <= 2 * everyMs;
    return new Map(inRow ? last!.strays.map((stray) => [stray.guest, stray]) : []);
  }

  async function keep(found: SweepReport): Promise<SweepReport> {
    try {
      await makeDirectory(stateDir);
      await writeJson(sweepPath(stateDir), found);
    } catch (error) {
      log('warn', `the report of the sweep over the guests cannot be kept: ${messageOf(error)}`);
    }
    return found;
  }

  async function thawStray(id: GuestId) {
    const seen = await windows.whileIdle(id, async (guest): Promise<Sight> => {
      if (await journal.intentOf(id)) return { kind: 'ours' };
      return ask(guest, true);
    });
    const { kind } = seen ?? { kind: 'ours' };
    if (kind === 'thawed') strays?.delete(id);
    if (kind === 'frozen' || kind === 'unseen') return 'unseen';
    return kind === 'clear' ? 'not-frozen' : kind;
  }

  return { run, thawStray, strayOf: (guest) => strays?.get(guest) ?? null, seenThawed: (guest) => void strays?.delete(guest) };
}

/** A freeze under the lease of our agent ends by itself; to any other nobody owes a thaw. */
async function isStray(channel: AgentChannel): Promise<boolean> {
  const { agent, lease } = await askFreezeState(channel, answerMs);
  return agent === 'frozen' && (lease?.remainingMs ?? null) === null;
}

/** A guest that cannot be seen now keeps what was found on it, unless its QEMU, and the freeze with it, is gone. */
function strayAfter(
  { id, name }: GuestListing,
  sight: Sight,
  before: ReadonlyMap<GuestId, StrayFreeze>,
  sweptAt: string,
): StrayFreeze | null {
  const known = (id !== null && before.get(id)) || null;
  if (sight.kind === 'unseen') return sight.why === 'monitor-unreachable' ? null : known;
  if (sight.kind !== 'frozen' || id === null) return null;
  return { guest: id, guestName: name, foundAt: known?.foundAt ?? sweptAt, sweeps: (known?.sweeps ?? 0) + 1 };
}

function codeOf(error: unknown): string {
  return isStillframeError(error) ? error.code : 'unexpected';
}
