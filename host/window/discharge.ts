/** Discharging an obligation: thaw, then status, again and again on fresh synced channels, until there is closing evidence. */

import { setTimeout as delay } from 'node:timers/promises';
import { isStillframeError } from '../../model/errors.ts';
import type { ClosingEvidence } from '../../model/window/window.ts';
import type { AgentChannel } from '../channel/types.ts';
import { monotonicMs } from '../../lib/clock.ts';
import type { Intent } from '../journal/intent.ts';
import type { Log } from '../../lib/log.ts';
import { createPace } from './pace.ts';
import type { ThawAnswer } from './peer.ts';
import { peers } from './peers.ts';
import type { ReachedAgent } from './reach.ts';

export interface Discharged {
  closing: ClosingEvidence;
  /** What the first answered thaw says it thawed; null when none was answered. */
  answer: ThawAnswer | null;
  /** Boot id of the guest when it said that it is thawed; null when it did not. */
  bootId: string | null;
  /** Monotonic milliseconds of the first byte and of the reply of the answered thaw. */
  thawSentMs: number | null;
  thawRepliedMs: number | null;
  /**
   * Gives up the channel on which the thaw was confirmed. Until the outcome is in the journal it must be kept: QEMU serves one
   * client at a time, so another process that thaws this guest, or freezes it again, comes after that.
   */
  closeChannel: () => void;
}

export interface DischargeOptions {
  intent: Pick<Intent, 'epoch' | 'claim'>;
  connect: () => Promise<ReachedAgent>;
  /** A channel that is synced already; the first try uses it, because a new one costs a round trip of frozen time. */
  channel?: AgentChannel | undefined;
  /** Resolves when the guest itself ended the freeze: it shut down. */
  ended?: Promise<ClosingEvidence>;
  /** Gives up, with the obligation still owed. */
  signal?: AbortSignal;
  log: Log;
}

/**
 * Ends only with closing evidence, or by `signal`. The agent answers in order, so the matched reply to a later command on
 * a synced channel shows that a freeze which was sent before has run or was dropped; end of file shows nothing.
 */
export async function discharge(options: DischargeOptions): Promise<Discharged> {
  const sent: Sent = { answer: null, bootId: null, thawSentMs: null, thawRepliedMs: null };
  const finished = new AbortController();
  const stopped = options.signal ? AbortSignal.any([options.signal, finished.signal]) : finished.signal;
  const thawed = thawUntilConfirmed(options, sent, stopped);
  const ended = options.ended?.then((closing): Discharged => {
    finished.abort();
    return { ...sent, closing, closeChannel: () => void thawed.then(({ closeChannel }) => closeChannel()).catch(() => {}) };
  });
  return ended ? Promise.race([thawed, ended]) : thawed;
}

type Sent = Omit<Discharged, 'closing' | 'closeChannel'>;

/** Leaves no channel open when it gives up: the next client must find it free. */
async function thawUntilConfirmed(options: DischargeOptions, sent: Sent, signal: AbortSignal): Promise<Discharged> {
  const pace = createPace(options.log);
  let reached: ReachedAgent | undefined = options.channel && { channel: options.channel, fenced: true };
  const close = () => reached?.channel.close();
  const forget = () => {
    close();
    reached = undefined;
  };
  signal.addEventListener('abort', close, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      let failure: unknown;
      try {
        reached ??= await options.connect();
        signal.throwIfAborted();
        if (await thawOnce(reached, options.intent, sent)) return { ...sent, closing: 'status-thawed', closeChannel: close };
        // The channel that the freeze went through may answer again.
        if (!reached.fenced) forget();
      } catch (error) {
        if (signal.aborted) throw error;
        failure = error;
        if (!isStillframeError(error, 'agent-refused')) forget();
      }
      pace.report(failure);
      await delay(pace.pauseMs(failure), undefined, { signal });
    }
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

async function thawOnce({ channel, fenced }: ReachedAgent, { epoch, claim }: DischargeOptions['intent'], sent: Sent) {
  let sentMs = monotonicMs();
  let endOfEpoch = false;
  const { thawed, bootId } = await peers[claim.agent].thaw(channel, epoch, {
    onSent: () => (sentMs = monotonicMs()),
    onAnswer(answer) {
      sent.thawRepliedMs = monotonicMs();
      sent.thawSentMs = sentMs;
      sent.answer ??= answer;
      endOfEpoch = answer.epoch !== null;
    },
  });
  sent.bootId = bootId;
  // An agent that reports how this epoch ended has run its freeze, on either channel.
  return thawed && (fenced || endOfEpoch);
}
