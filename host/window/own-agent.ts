/** Windows on our agent: a freeze under a lease that the guest keeps itself, and a thaw that undoes one epoch and no other. */

import { StillframeError } from '../../model/errors.ts';
import { reason, type Reason } from '../../model/window/reasons.ts';
import type { GuestClaim, GuestHook } from '../../model/window/window.ts';
import { leaseFreeze, type HookReport } from '../../protocol/agent/commands/stillframe-freeze.ts';
import { leaseStatus, type LeaseStatus } from '../../protocol/agent/commands/stillframe-status.ts';
import { leaseThaw, type LeaseThawReply } from '../../protocol/agent/commands/stillframe-thaw.ts';
import { allowRefusal } from '../channel/allow-refusal.ts';
import type { Peer } from './peer.ts';
import { stockAgent } from './stock-agent.ts';

/**
 * By how much the lease in the guest outlasts our timer, which must thaw first in the ordinary case: a timer and one round trip take
 * milliseconds. Whatever is stopped, dead or busy on the host, the guest ends the freeze by itself then.
 */
const guestGraceMs = 250;

/** What a hook printed is for people and goes into histories; the guest bounds none of it. */
const longestDetail = 200;

export const ownAgent: Peer = {
  async look(channel) {
    const { state, bootId } = await channel.execute(leaseStatus, undefined);
    // The freeze itself reports every filesystem: asking before it would cost a round trip and could differ.
    return { frozen: state !== 'thawed', claim: { filesystems: [], lease: newLease(bootId) } };
  },

  async freeze(channel, { epoch, remainingMs, timeoutMs, onSent }) {
    const lease = Math.ceil(remainingMs) + guestGraceMs;
    const reply = await channel.execute(leaseFreeze, { epoch, lease }, { timeoutMs, onSent });
    if (reply.epoch !== epoch) {
      throw new StillframeError(
        'agent-garbled',
        `the agent answered the freeze of epoch ${epoch} with epoch ${reply.epoch}: it is broken or hostile; look at its log`,
        { epoch, answered: reply.epoch },
      );
    }
    const { filesystems, hooks, bootId } = reply;
    return {
      filesystems,
      frozenCount: filesystems.filter(({ outcome }) => outcome === 'frozen').length,
      lease: { ...newLease(bootId), hooks: hooks.map(hookOf) },
    };
  },

  async prove(channel, epoch, { lease, filesystems }) {
    const status = await channel.execute(leaseStatus, undefined);
    return {
      doubts: doubtsOf(status, epoch, lease!.bootId, filesystems),
      claim: { lease: { ...lease!, epochAtProof: status.epoch ?? null } },
    };
  },

  async thaw(channel, epoch, listener) {
    const reply = await allowRefusal(channel.execute(leaseThaw, { epoch }, { onSent: listener.onSent }));
    if (reply) listener.onAnswer({ count: thawedOf(reply), epoch: endOf(reply) });
    const status = await allowRefusal(channel.execute(leaseStatus, undefined));
    if (status && (reply || isSpared(status, epoch))) return { thawed: status.state === 'thawed', bootId: status.bootId };
    // Another agent has taken its place, or it does not know this freeze by our epoch: the plain thaw undoes whatever there is.
    return stockAgent.thaw(channel, epoch, listener);
  },
};

function doubtsOf(
  { state, bootId, epoch, held }: LeaseStatus,
  wanted: number,
  bootIdAtFreeze: string,
  filesystems: GuestClaim['filesystems'],
): Reason[] {
  if (bootId !== bootIdAtFreeze) return [reason('guest-restarted')];
  if (state !== 'frozen') return [reason('freeze-not-held')];
  if (epoch !== wanted) return [reason('epoch-changed')];
  const still = new Set(held);
  return filesystems
    .filter(({ mountpoint, outcome }) => outcome === 'frozen' && !still.has(mountpoint))
    .map(({ mountpoint }) => reason('mount-not-frozen', mountpoint));
}

/**
 * After a refused thaw: nothing is frozen, or what is belongs to somebody else and ends by itself. A later epoch is another
 * window; a freeze without an epoch is a plain one, and under a lease it ends without us.
 */
function isSpared({ state, epoch, remaining }: LeaseStatus, wanted: number): boolean {
  if (state === 'thawed') return true;
  return epoch === undefined ? remaining !== undefined : epoch !== wanted;
}

const newLease = (bootId: string) => ({
  bootId,
  epochAtProof: null,
  hooks: [],
  thawHooks: null,
  heldMs: null,
  leaseFired: null,
});

const thawedOf = ({ filesystems }: LeaseThawReply) => filesystems.filter(({ outcome }) => outcome === 'thawed').length;

const endOf = ({ held, leaseFired, hooks }: LeaseThawReply) => ({ heldMs: held, leaseFired, hooks: hooks.map(hookOf) });

const hookOf = ({ name, outcome, detail }: HookReport): GuestHook => ({
  name,
  outcome,
  detail: detail?.slice(0, longestDetail) ?? null,
});
