/** What a guest claims of itself before a freeze: its agent, its filesystems, and that it is not frozen already. */

import { StillframeError } from '../../model/errors.ts';
import type { GuestClaim, Obligation } from '../../model/window/window.ts';
import { info } from '../../protocol/agent/commands/guest-info.ts';
import type { AgentChannel } from '../channel/types.ts';
import type { Guest } from '../drivers/driver.ts';
import { agentKind, peers } from './peers.ts';

/** `owed` says whether the freeze that is found is our freeze. @throws guest-frozen, obligation-open, and what the channel throws */
export async function readClaim(
  channel: AgentChannel,
  guest: Guest,
  owed: () => Promise<Obligation | null>,
): Promise<GuestClaim> {
  const about = await channel.execute(info, undefined);
  const agent = agentKind(about);
  const { frozen, claim } = await peers[agent].look(channel);
  if (frozen) throw await alreadyFrozen(guest, owed);
  return {
    agent,
    version: about.version,
    ...claim,
    frozenCount: null,
    thawedCount: null,
    frozenAfterPointInTime: false,
  };
}

async function alreadyFrozen(guest: Guest, owed: () => Promise<Obligation | null>): Promise<StillframeError> {
  const ours = await owed();
  if (ours) {
    return new StillframeError(
      'obligation-open',
      `guest ${guest.name} is frozen still by epoch ${ours.epoch} (backup ${ours.backup}) of this host: no new freeze before "stillframe thaw --local" or the host worker has thawed it`,
      { guest: guest.id, epoch: ours.epoch, backup: ours.backup },
    );
  }
  return new StillframeError(
    'guest-frozen',
    `guest ${guest.name} is frozen already, and not by this host: find out who froze it, or undo it with "stillframe guest thaw ${guest.name}"`,
    { guest: guest.id },
  );
}
