/** All windows of one host: whole or held, one for each guest, idempotent by (guest, backup id, attempt). */

import { isStillframeError, messageOf } from '../../model/errors.ts';
import type { GuestId } from '../../model/ids.ts';
import type { OwedThaw, ThawedBy, ThawReport, WindowKey, WindowOutcome, WindowRequest } from '../../model/window/window.ts';
import { fsfreezeThaw } from '../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import type { AgentChannel, Connect } from '../channel/types.ts';
import type { HostConfig } from '../config.ts';
import type { Driver, Guest, PreparedPoint } from '../drivers/driver.ts';
import type { Intent } from '../journal/intent.ts';
import type { Journal } from '../journal/journal.ts';
import type { Log } from '../../lib/log.ts';
import { obligationOf, remainingMs } from '../journal/intent.ts';
import { beginWindow } from './begin-window.ts';
import type { OpenWindow } from './open-window.ts';
import { openPreferred } from './reach.ts';
import {
  alreadyOpen,
  backupCaptured,
  busyWithOthers,
  noSnapshotNow,
  noSuchSnapshot,
  windowGone,
  workerDraining,
} from './refusals.ts';
import { runSnapshotCommand } from './snapshot-command.ts';
import { createSettleOnce } from './settle-once.ts';
import { createTurns } from './turns.ts';
import { waitForOutcome } from './wait-for-outcome.ts';

export interface Windows {
  /**
   * The whole window in one routine; ends thawed. A repeated call with the same key returns the journalled outcome.
   * `failure` of the outcome is set when there is no point in time. `repository`: id of the repository for which changes are recorded from then on.
   * @throws when it was refused before any freeze, or thaw-unconfirmed: the thaw then continues without the caller
   */
  freezeWindow(request: WindowRequest, repository?: string): Promise<WindowOutcome>;
  /** The held form: freezes, and keeps the window open under its lease. */
  freeze(request: WindowRequest): Promise<HeldWindow>;
  /**
   * Runs the named snapshot command inside the held window, once, then asks whether the freeze still holds. A repeated call joins the first.
   * @throws window-open where the window is not a held one, its freeze is not confirmed yet, or another snapshot was taken in it
   */
  snapshot(key: WindowKey, name: string, signal: AbortSignal): Promise<{ reference: string }>;
  /** Ends the held window. A window that its lease or the warden ended gives its journalled outcome. @throws window-gone, thaw-unconfirmed */
  thaw(key: WindowKey): Promise<WindowOutcome>;
  /** Ends our window on this guest, until the thaw is confirmed; idempotent. For an `operator` it also undoes freezes that Stillframe did not make. @throws thaw-unconfirmed */
  ensureThawed(guest: GuestId, by: ThawedBy): Promise<ThawReport>;
  /** The journalled outcome of one attempt; null when there was no such attempt or it is still open. */
  outcome(key: WindowKey): Promise<WindowOutcome | null>;
  /** What is owed to this guest. */
  status(guest: GuestId): Promise<OwedThaw | null>;
  /** How its last window ended; null also when the record of that cannot be read. */
  latest(guest: GuestId): Promise<WindowOutcome | null>;
  /** Runs commands that only read on the guest's channel, inside a held window or outside of any. @throws channel-busy when others have it for too long */
  withChannel<T>(guest: GuestId, use: (channel: AgentChannel) => Promise<T>): Promise<T>;
  /** For questions that can wait: null, and nothing is done, while the guest is in a window or another question to it is out. */
  whileIdle<T>(guest: GuestId, use: (guest: Guest) => Promise<T>): Promise<T | null>;
  /** Refuses new windows, ends the held ones, lets the others run to their end. */
  drain(): Promise<void>;
}

export interface HeldWindow {
  epoch: number;
  frozenCount: number;
  leaseMs: number;
  remainingMs: number;
}

export interface WindowsDependencies {
  driver: Driver;
  journal: Journal;
  config: Pick<HostConfig, 'limits' | 'snapshots'>;
  connect: Connect;
  log: Log;
}

/** A question waits for those before it no longer than somebody waits for its answer; a window may take its whole lease. */
const turnMs = 10_000;

/** A guest that is inside a window of this process. */
interface OpenGuest {
  key: WindowKey;
  guest: Guest;
  window: OpenWindow;
  held: { frozenCount: number } | null;
  /** The one snapshot of a held window. */
  snapshot?: { name: string; taken: Promise<{ reference: string }> };
}

export function createWindows({ driver, journal, config, connect, log }: WindowsDependencies): Windows {
  const openGuests = new Map<GuestId, OpenGuest>();
  const turns = createTurns();
  const settleOnce = createSettleOnce({ journal, connect, log });
  const calls = new Map<string, Promise<unknown>>();
  let draining = false;

  /** A call that is delivered twice joins the first. */
  async function once<T>(name: string, { guest, backup, attempt }: WindowKey, call: () => Promise<T>): Promise<T> {
    const id = `${name} ${guest} ${backup} ${attempt}`;
    const running = (calls.get(id) as Promise<T> | undefined) ?? call().finally(() => calls.delete(id));
    calls.set(id, running);
    return running;
  }

  const openGuestOf = (key: WindowKey) => {
    const open = openGuests.get(key.guest);
    return open && sameKey(open.key, key) ? open : undefined;
  };

  /** Up to the freeze; the guest's turn is kept until the outcome. */
  async function open<Prepared extends PreparedPoint | null>(
    request: WindowRequest,
    prepare: (guest: Guest) => Promise<Prepared>,
  ): Promise<OpenGuest & { prepared: Prepared }> {
    const refuse = () => refuseWhileOpen(request);
    refuse();
    const { guest, window, prepared, endTurn } = await beginWindow(request, prepare, {
      driver,
      journal,
      config,
      connect,
      log,
      turns,
      refuse,
    });
    const { backup, attempt } = request;
    const opened = { key: { guest: guest.id, backup, attempt }, guest, window, held: null, prepared };
    openGuests.set(guest.id, opened);
    void window.outcome.finally(() => {
      openGuests.delete(guest.id);
      endTurn();
    });
    return opened;
  }

  function refuseWhileOpen(request: WindowRequest): void {
    if (draining) throw workerDraining();
    const open = openGuests.get(request.guest);
    if (open) throw alreadyOpen(open.guest, open.window.intent);
  }

  async function freezeWindow(request: WindowRequest, repository: string | null = null): Promise<WindowOutcome> {
    const running = openGuestOf(request);
    if (running) return waitForOutcome(running.window, running.window.outcome);
    const known = await journal.outcome(request);
    if (known) return known;
    // Its copy would be committed with the window of this one.
    if (await journal.captured(request.guest, request.backup)) throw backupCaptured(request);
    const { window, prepared } = await open(request, (guest) => driver.pointInTime.prepare(guest, request.backup, repository));
    try {
      await window.freeze();
      await window.capture(() => prepared.begin());
      return await waitForOutcome(window, window.end('window'));
    } catch (error) {
      if (isStillframeError(error, 'thaw-unconfirmed')) throw error;
      const outcome = await waitForOutcome(window, window.end('window', error));
      if (outcome.failure)
        await prepared.abandon().catch((left: unknown) => log('warn', messageOf(left), { guest: request.guest }));
      return outcome;
    }
  }

  async function freeze(request: WindowRequest): Promise<HeldWindow> {
    const open = openGuestOf(request) ?? (await openUnlessDone(request));
    const { window } = open;
    if (open.held === null) {
      try {
        open.held = { frozenCount: await window.freeze() };
      } catch (error) {
        await waitForOutcome(window, window.end('window', error));
        throw error;
      }
    }
    const { epoch, leaseMs } = window.intent;
    return { epoch, leaseMs, frozenCount: open.held.frozenCount, remainingMs: window.remainingMs() };
  }

  async function openUnlessDone(request: WindowRequest): Promise<OpenGuest> {
    const known = await journal.outcome(request);
    if (known) throw windowGone(request, known);
    return open(request, async () => null);
  }

  async function snapshot(key: WindowKey, name: string, signal: AbortSignal): Promise<{ reference: string }> {
    const argv = Object.hasOwn(config.snapshots, name) ? config.snapshots[name] : undefined;
    if (!argv) throw noSuchSnapshot(name, Object.keys(config.snapshots));
    const open = openGuestOf(key);
    if (!open) throw windowGone(key, await journal.outcome(key));
    if (open.held === null || (open.snapshot ?? { name }).name !== name) throw noSnapshotNow(key, open.snapshot?.name);
    open.snapshot ??= { name, taken: takeSnapshot(open.window, key, name, argv, signal) };
    return open.snapshot.taken;
  }

  async function takeSnapshot(window: OpenWindow, key: WindowKey, name: string, argv: string[], signal: AbortSignal) {
    const taken = await window.capture((over) => runSnapshotCommand(name, argv, key, AbortSignal.any([over, signal])));
    window.refer(taken.reference);
    return taken;
  }

  async function thaw(key: WindowKey): Promise<WindowOutcome> {
    const open = openGuestOf(key);
    if (open) return waitForOutcome(open.window, open.window.end('window'));
    const known = await journal.outcome(key);
    if (known) return known;
    const intent = await journal.intentOf(key.guest);
    if (!intent || !sameKey(intent, key)) throw windowGone(key, null);
    return settleOnce(intent, 'workflow');
  }

  async function ensureThawed(guest: GuestId, by: ThawedBy): Promise<ThawReport> {
    const open = openGuests.get(guest);
    const intent = open ? null : await owedTo(guest, by);
    const outcome = open ? await waitForOutcome(open.window, open.window.end(by)) : intent && (await settleOnce(intent, by));
    if (by === 'operator' && (!outcome || leavesOthers(outcome)))
      await onChannel(guest, (channel) => channel.execute(fsfreezeThaw, undefined));
    const latest = async () => journal.latest(guest).catch(() => null);
    return { guest, was: outcome ? 'open' : 'closed', status: 'thawed', outcome: outcome ?? (await latest()) };
  }

  /** An operator's thaw is the last resort: it goes to the whole guest, also where the journal cannot say what is owed. */
  async function owedTo(guest: GuestId, by: ThawedBy): Promise<Intent | null> {
    try {
      return await journal.intentOf(guest);
    } catch (error) {
      if (by !== 'operator') throw error;
      log('error', messageOf(error), { guest });
      return null;
    }
  }

  async function onChannel<T>(id: GuestId, use: (channel: AgentChannel) => Promise<T>, waitMs = Infinity): Promise<T> {
    const open = openGuests.get(id);
    if (open) return open.window.withChannel(use);
    const guest = await driver.guest(id);
    const endTurn = await turns.take(id, waitMs);
    if (!endTurn) throw busyWithOthers(guest);
    try {
      const { channel } = await openPreferred(guest, connect);
      try {
        return await use(channel);
      } finally {
        channel.close();
      }
    } finally {
      endTurn();
    }
  }

  async function whileIdle<T>(id: GuestId, use: (guest: Guest) => Promise<T>): Promise<T | null> {
    if (openGuests.has(id) || !turns.isFree(id)) return null;
    const endTurn = await turns.take(id);
    try {
      return await use(await driver.guest(id));
    } finally {
      endTurn();
    }
  }

  return {
    freezeWindow: (request) => once('window', request, () => freezeWindow(request)),
    freeze: (request) => once('freeze', request, () => freeze(request)),
    snapshot,
    thaw,
    ensureThawed,
    withChannel: (guest, use) => onChannel(guest, use, turnMs),
    whileIdle,
    outcome: (key) => journal.outcome(key),
    async status(guest) {
      const intent = await journal.intentOf(guest);
      return intent && { ...obligationOf(intent), remainingMs: remainingMs(intent) };
    },
    latest: (guest) => journal.latest(guest).catch(() => null),
    async drain() {
      draining = true;
      await Promise.all([...openGuests.values()].map(({ window, held }) => (held ? window.end('shutdown') : window.outcome)));
    },
  };
}

/** The thaw of an epoch leaves alone what others froze; after a shutdown or reset there is nothing of theirs either. */
function leavesOthers({ claim, closing }: WindowOutcome): boolean {
  return claim.agent === 'stillframe' && closing === 'status-thawed';
}

function sameKey(one: WindowKey, other: WindowKey): boolean {
  return one.guest === other.guest && one.backup === other.backup && one.attempt === other.attempt;
}
