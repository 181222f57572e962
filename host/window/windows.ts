/** All windows of one host: whole or held, one for each guest, idempotent by (guest, backup id, attempt). */

import { isStillframeError, messageOf } from '../../model/errors.ts';
import type { GuestId } from '../../model/ids.ts';
import { grantLease } from '../../model/window/lease.ts';
import type { Obligation, ThawedBy, ThawReport, WindowKey, WindowOutcome, WindowRequest } from '../../model/window/window.ts';
import { fsfreezeThaw } from '../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import type { AgentChannel, Connect } from '../channel/types.ts';
import type { HostConfig } from '../config.ts';
import type { Driver, Guest, PreparedPoint } from '../drivers/driver.ts';
import type { Intent } from '../journal/intent.ts';
import type { Journal } from '../journal/journal.ts';
import type { Log } from '../../lib/log.ts';
import { admitWindow } from './limits.ts';
import { openWindow, type OpenWindow } from './open-window.ts';
import { readClaim } from './claim.ts';
import { waitForOutcome, confirmMs } from './wait-for-outcome.ts';
import { openPreferred, reachForThaw } from './reach.ts';
import { alreadyOpen, noSuchSnapshot, refuseUnlessRunning, unconfirmed, windowGone, workerDraining } from './refusals.ts';
import { settle } from './settle.ts';
import { runSnapshotCommand } from './snapshot-command.ts';
import { createTurns } from './turns.ts';

export interface Windows {
  /**
   * The whole window in one routine; ends thawed. A repeated call with the same key returns the journalled outcome.
   * `failure` of the outcome is set when there is no point in time.
   * @throws when it was refused before any freeze, or thaw-unconfirmed: the thaw then goes on without the caller
   */
  freezeWindow(request: WindowRequest): Promise<WindowOutcome>;
  /** The held form: freezes, and keeps the window open under its lease. */
  freeze(request: WindowRequest): Promise<HeldWindow>;
  /** Runs the named snapshot command inside the held window, then asks whether the freeze still holds. */
  snapshot(key: WindowKey, name: string, signal: AbortSignal): Promise<{ reference: string }>;
  /** Ends the held window. A window that its lease or the warden ended gives its journalled outcome. @throws window-gone, thaw-unconfirmed */
  thaw(key: WindowKey): Promise<WindowOutcome>;
  /** Thaws until confirmed whatever of ours is open on this guest; idempotent. An operator's undoes freezes of others too. @throws thaw-unconfirmed */
  ensureThawed(guest: GuestId, by: ThawedBy): Promise<ThawReport>;
  /** The journalled outcome of one attempt; null when there was no such attempt or it is still open. */
  outcome(key: WindowKey): Promise<WindowOutcome | null>;
  /** What is owed to this guest. */
  status(guest: GuestId): Promise<Obligation | null>;
  /** Runs commands that only read on the guest's channel, inside a held window or outside of any. */
  withChannel<T>(guest: GuestId, use: (channel: AgentChannel) => Promise<T>): Promise<T>;
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

interface Entry {
  key: WindowKey;
  guest: Guest;
  window: OpenWindow;
  held: { frozenCount: number } | null;
}

export function createWindows({ driver, journal, config, connect, log }: WindowsDependencies): Windows {
  const entries = new Map<GuestId, Entry>();
  const settling = new Map<GuestId, Promise<WindowOutcome>>();
  const turns = createTurns();
  const calls = new Map<string, Promise<unknown>>();
  let draining = false;

  /** A call that is delivered twice joins the first. */
  async function once<T>(name: string, { guest, backup, attempt }: WindowKey, call: () => Promise<T>): Promise<T> {
    const id = `${name} ${guest} ${backup} ${attempt}`;
    const running = (calls.get(id) as Promise<T> | undefined) ?? call().finally(() => calls.delete(id));
    calls.set(id, running);
    return running;
  }

  const entryOf = (key: WindowKey) => {
    const entry = entries.get(key.guest);
    return entry && sameKey(entry.key, key) ? entry : undefined;
  };

  /** Everything before the freeze; leaves nothing behind when it throws. The guest's turn is kept until the outcome. */
  async function open(request: WindowRequest, withPoint: boolean): Promise<Entry & { prepared: PreparedPoint | null }> {
    refuseWhileOpen(request);
    const leaseMs = grantLease(request.leaseMs, config.limits);
    const guest = await driver.guest(request.guest);
    const undo = new AsyncDisposableStack();
    try {
      const done = await turns.take(guest.id);
      undo.defer(done);
      admitWindow(guest, await journal.closedAgo(guest.id), config.limits);
      const prepared = withPoint ? await driver.pointInTime.prepare(guest, request.backup) : null;
      if (prepared) undo.defer(() => prepared.abandon());
      const watch = await driver.watch(guest);
      undo.defer(() => watch.close());
      refuseUnlessRunning(guest, watch);
      const { channel, address, otherAddress } = await openPreferred(guest, connect);
      undo.defer(() => channel.close());
      const claim = await readClaim(channel, guest, () => journal.intentOf(guest.id));
      refuseWhileOpen(request);
      const { backup, attempt } = request;
      const intent = await journal.begin({
        guest: guest.id,
        backup,
        attempt,
        leaseMs,
        guestName: guest.name,
        channel: address,
        otherChannel: otherAddress,
        claim,
      });
      const window = openWindow({
        intent,
        channel,
        connect: () => reachForThaw(intent, connect),
        watch,
        prepared,
        journal,
        log,
      });
      undo.move();
      const entry = { key: { guest: guest.id, backup, attempt }, guest, window, held: null, prepared };
      entries.set(guest.id, entry);
      void window.outcome.finally(() => {
        entries.delete(guest.id);
        done();
      });
      return entry;
    } finally {
      await undo.disposeAsync();
    }
  }

  function refuseWhileOpen(request: WindowRequest): void {
    if (draining) throw workerDraining();
    const entry = entries.get(request.guest);
    if (entry) throw alreadyOpen(entry.guest, entry.window.intent);
  }

  async function freezeWindow(request: WindowRequest): Promise<WindowOutcome> {
    const running = entryOf(request);
    if (running) return waitForOutcome(running.window, running.window.outcome);
    const known = await journal.outcome(request);
    if (known) return known;
    const { window, prepared } = await open(request, true);
    const point = prepared!.begin;
    try {
      await window.freeze();
      await window.capture(() => point());
      return await waitForOutcome(window, window.end('window'));
    } catch (error) {
      if (isStillframeError(error, 'thaw-unconfirmed')) throw error;
      const outcome = await waitForOutcome(window, window.end('window', error));
      if (outcome.failure)
        await prepared!.abandon().catch((left: unknown) => log('warn', messageOf(left), { guest: request.guest }));
      return outcome;
    }
  }

  async function freeze(request: WindowRequest): Promise<HeldWindow> {
    const entry = entryOf(request) ?? (await openUnlessDone(request));
    const { window } = entry;
    if (entry.held === null) {
      try {
        entry.held = { frozenCount: await window.freeze() };
      } catch (error) {
        await waitForOutcome(window, window.end('window', error));
        throw error;
      }
    }
    const { epoch, leaseMs } = window.intent;
    return { epoch, leaseMs, frozenCount: entry.held.frozenCount, remainingMs: window.remainingMs() };
  }

  async function openUnlessDone(request: WindowRequest): Promise<Entry> {
    const known = await journal.outcome(request);
    if (known) throw windowGone(request, known);
    return open(request, false);
  }

  async function snapshot(key: WindowKey, name: string, signal: AbortSignal): Promise<{ reference: string }> {
    const argv = config.snapshots[name];
    if (!argv) throw noSuchSnapshot(name, Object.keys(config.snapshots));
    const entry = entryOf(key);
    if (!entry) throw windowGone(key, await journal.outcome(key));
    const taken = await entry.window.capture((over) => runSnapshotCommand(name, argv, key, AbortSignal.any([over, signal])));
    entry.window.refer(taken.reference);
    return taken;
  }

  async function thaw(key: WindowKey): Promise<WindowOutcome> {
    const entry = entryOf(key);
    if (entry) return waitForOutcome(entry.window, entry.window.end('window'));
    const known = await journal.outcome(key);
    if (known) return known;
    const intent = await journal.intentOf(key.guest);
    if (!intent || !sameKey(intent, key)) throw windowGone(key, null);
    return settleOnce(intent, 'workflow');
  }

  async function ensureThawed(guest: GuestId, by: ThawedBy): Promise<ThawReport> {
    const entry = entries.get(guest);
    const intent = entry ? null : await journal.intentOf(guest);
    const outcome = entry ? await waitForOutcome(entry.window, entry.window.end(by)) : intent && (await settleOnce(intent, by));
    if (by === 'operator' && (!outcome || leavesOthers(outcome)))
      await withChannel(guest, (channel) => channel.execute(fsfreezeThaw, undefined));
    return { guest, was: outcome ? 'open' : 'closed', status: 'thawed', outcome: outcome ?? (await journal.latest(guest)) };
  }

  /** Workflow and guardian may ask at once; the channel has room for one. */
  async function settleOnce(intent: Intent, by: ThawedBy): Promise<WindowOutcome> {
    const signal = AbortSignal.timeout(confirmMs);
    const running = settling.get(intent.guest) ?? settle(intent, { journal, connect, by, log, signal });
    settling.set(intent.guest, running);
    try {
      return await running;
    } catch (error) {
      throw signal.aborted ? unconfirmed(intent) : error;
    } finally {
      settling.delete(intent.guest);
    }
  }

  async function withChannel<T>(id: GuestId, use: (channel: AgentChannel) => Promise<T>): Promise<T> {
    const entry = entries.get(id);
    if (entry) return entry.window.withChannel(use);
    const guest = await driver.guest(id);
    const done = await turns.take(id);
    try {
      const { channel } = await openPreferred(guest, connect);
      try {
        return await use(channel);
      } finally {
        channel.close();
      }
    } finally {
      done();
    }
  }

  return {
    freezeWindow: (request) => once('window', request, () => freezeWindow(request)),
    freeze: (request) => once('freeze', request, () => freeze(request)),
    snapshot,
    thaw,
    ensureThawed,
    withChannel,
    outcome: (key) => journal.outcome(key),
    status: (guest) => journal.intentOf(guest),
    async drain() {
      draining = true;
      await Promise.all([...entries.values()].map(({ window, held }) => (held ? window.end('shutdown') : window.outcome)));
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
