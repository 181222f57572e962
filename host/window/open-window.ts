/** One window on one guest: freeze, point in time, proof, thaw, outcome, under a lease that nothing extends. */

import { StillframeError, messageOf } from '../../model/errors.ts';
import type { ClosingEvidence, ThawedBy, WindowOutcome } from '../../model/window/window.ts';
import type { AgentChannel } from '../channel/types.ts';
import { monotonicMs } from '../../lib/clock.ts';
import type { GuestWatch, PreparedPoint } from '../drivers/driver.ts';
import type { Intent } from '../journal/intent.ts';
import type { Journal } from '../journal/journal.ts';
import type { Log } from '../../lib/log.ts';
import { discharge } from './discharge.ts';
import { journalOutcome } from './journal-outcome.ts';
import { recordOutcome, type WindowFacts } from './outcome.ts';
import { peers } from './peers.ts';
import type { ReachedAgent } from './reach.ts';

export interface OpenWindow {
  readonly intent: Intent;
  /** Sends the freeze. @throws whatever refused it; the window is then on its way to its outcome */
  freeze(): Promise<number>;
  /** Takes the point in time by `take`, then asks whether the freeze still holds. */
  capture<T>(take: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Notes what a snapshot command called its snapshot. */
  refer(reference: string): void;
  /** Runs commands that only read on the window's own channel; no other client can have it during the window. */
  withChannel<T>(use: (channel: AgentChannel) => Promise<T>): Promise<T>;
  /** Demands the thaw once, for the first caller, and continues until there is closing evidence. `failure` says why there is no point in time. */
  end(by: ThawedBy, failure?: unknown): Promise<WindowOutcome>;
  /** The outcome, once it is journalled, or the journal has refused it for a while. */
  readonly outcome: Promise<WindowOutcome>;
  /** Milliseconds of the lease that are left. */
  remainingMs(): number;
}

export interface WindowParts {
  intent: Intent;
  channel: AgentChannel;
  /** Opens a channel for the thaw when the window's own is of no use any more. */
  connect: () => Promise<ReachedAgent>;
  watch: GuestWatch;
  prepared: PreparedPoint | null;
  journal: Journal;
  log: Log;
}

/** Takes over an intent that is in the journal: from here on the lease runs. */
export function openWindow({ intent, channel, connect, watch, prepared, journal, log }: WindowParts): OpenWindow {
  const facts: WindowFacts = {
    claim: { ...intent.claim },
    disks: prepared?.disks ?? [],
    skipped: prepared?.skipped ?? [],
    places: prepared?.places ?? null,
    freezeSentMs: null,
    freezeRepliedMs: null,
    captureMs: null,
    proofMs: null,
    proofDoubts: [],
    capturedAt: null,
    reference: null,
  };
  const peer = peers[intent.claim.agent];
  const over = new AbortController();
  const outcome = Promise.withResolvers<WindowOutcome>();
  const guestEnded = Promise.withResolvers<ClosingEvidence>();
  let inUse = false;
  let ending = false;
  let wasReset = false;

  const remainingMs = () => Math.max(0, intent.startedMs + intent.leaseMs - monotonicMs());
  const lease = setTimeout(
    () =>
      void end(
        'lease',
        new StillframeError('lease-expired', `the lease of ${intent.leaseMs} ms ended before the window did`, {
          leaseMs: intent.leaseMs,
        }),
      ),
    remainingMs(),
  );

  watch.on((event) => {
    if (event === 'shutdown') guestEnded.resolve('guest-shutdown');
    // It proves nothing: bytes of a freeze that were on their way can run after the boot.
    if (event === 'reset') wasReset = true;
    if (event === 'gone')
      log('warn', 'the monitor is gone inside a window; that proves nothing, so the thaw continues', { guest: intent.guest });
    if (event !== 'gone' && event !== 'resume')
      void end(
        'event',
        new StillframeError('guest-stopped', `guest ${intent.guestName} had a ${event} inside the window`, { event }),
      );
  });

  async function withChannel<T>(use: (channel: AgentChannel) => Promise<T>): Promise<T> {
    if (inUse || ending)
      throw new StillframeError(
        'channel-busy',
        `the channel of guest ${intent.guestName} is busy with a window: try again when it has closed`,
        { guest: intent.guest },
      );
    inUse = true;
    try {
      return await use(channel);
    } finally {
      inUse = false;
    }
  }

  function end(by: ThawedBy, failure?: unknown): Promise<WindowOutcome> {
    if (!ending) {
      ending = true;
      clearTimeout(lease);
      // The steps that are still out fail with this; without a reason of its own the signal would carry a bare AbortError.
      over.abort(failure ?? endedBy(by));
      finish(by, failure).then(outcome.resolve, outcome.reject);
    }
    return outcome.promise;
  }

  const endedBy = (by: ThawedBy) =>
    new StillframeError(
      'window-lost',
      `the window on guest ${intent.guestName} was ended by ${by} before this step had finished: start again with a new window`,
      { guest: intent.guest, by },
    );

  async function finish(by: ThawedBy, failure: unknown): Promise<WindowOutcome> {
    // A command that is still out blocks the channel, and after a reset no reply is of the boot that was asked: drop the connection,
    // the agent answers the next one in order.
    const isSpent = inUse || wasReset;
    if (isSpent) channel.close();
    const discharged = await discharge({
      intent,
      connect,
      channel: isSpent ? undefined : channel,
      ended: guestEnded.promise,
      log,
    });
    const record = recordOutcome(intent, facts, discharged, by, failure);
    await journalOutcome(journal, record, log);
    discharged.closeChannel();
    await watch.close();
    return record;
  }

  /** The step's own result, unless the window is over first: a hung step must not hold the thaw back. */
  async function unlessOver<T>(step: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = () => reject(over.signal.reason as Error);
    over.signal.addEventListener('abort', stop, { once: true });
    if (over.signal.aborted) stop();
    try {
      return await Promise.race([step, promise]);
    } finally {
      over.signal.removeEventListener('abort', stop);
      step.catch((error: unknown) => log('warn', `a step ended after its window: ${messageOf(error)}`, { guest: intent.guest }));
    }
  }

  return {
    intent,
    remainingMs,
    withChannel,
    end,
    outcome: outcome.promise,

    async freeze() {
      const frozen = await unlessOver(
        withChannel((synced) =>
          peer.freeze(synced, {
            epoch: intent.epoch,
            remainingMs: remainingMs(),
            // The lease's own timer started earlier and so ends it first; what is left of the lease, rounded to whole
            // milliseconds, could end a moment before it, and the outcome would not name the lease.
            timeoutMs: intent.leaseMs,
            onSent: () => (facts.freezeSentMs = monotonicMs()),
          }),
        ),
      );
      facts.freezeRepliedMs = monotonicMs();
      Object.assign(facts.claim, frozen);
      if (frozen.frozenCount === 0) {
        throw new StillframeError(
          'freeze-nothing',
          `guest ${intent.guestName} says that it froze no filesystem: look at "stillframe guest info ${intent.guestName}"`,
          { guest: intent.guest },
        );
      }
      return frozen.frozenCount;
    },

    async capture(take) {
      const startedMs = monotonicMs();
      const taken = await unlessOver(take(over.signal));
      const takenMs = monotonicMs();
      facts.captureMs = takenMs - startedMs;
      facts.capturedAt = new Date().toISOString();
      const { doubts, claim } = await unlessOver(withChannel((synced) => peer.prove(synced, intent.epoch, facts.claim)));
      facts.proofMs = monotonicMs() - takenMs;
      facts.proofDoubts = doubts;
      Object.assign(facts.claim, claim, { frozenAfterPointInTime: doubts.length === 0 });
      return taken;
    },

    refer(reference) {
      facts.reference = reference;
    },
  };
}
