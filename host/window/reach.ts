/** Which of a guest's two channels is used: for a window, and for the thaw that ends it. */

import { isStillframeError } from '../../model/errors.ts';
import type { AgentAddress, AgentChannel, Connect } from '../channel/types.ts';
import type { Guest } from '../drivers/driver.ts';
import type { Intent } from '../journal/intent.ts';

/**
 * How long our own channel has for its sync where the classic one is there as well: an agent that is slow to answer is behind
 * both, and a guest that has the port without our agent should not cost the whole time-out of a sync at each question.
 */
const preferredMs = 3_000;

/** Our own channel where an agent answers on it, else the classic one: other programs do not use our channel. */
export async function openPreferred(
  { channel: classic, agentChannel }: Pick<Guest, 'channel' | 'agentChannel'>,
  connect: Connect,
): Promise<OpenedChannel> {
  if (agentChannel !== undefined) {
    try {
      return { channel: await connect(agentChannel, preferredMs), address: agentChannel, otherAddress: classic };
    } catch (error) {
      if (!isStillframeError(error)) throw error;
    }
  }
  return { channel: await connect(classic), address: classic };
}

interface OpenedChannel {
  channel: AgentChannel;
  address: AgentAddress;
  /** The guest's other channel, where a thaw can be tried when no agent answers on this one. */
  otherAddress?: AgentAddress;
}

export interface ReachedAgent {
  channel: AgentChannel;
  /** Whether an answer on it comes after the freeze: each channel keeps its own order, and none that of the other. */
  fenced: boolean;
}

/**
 * The channel that the freeze went through. Where no agent answers on it any more (another agent came, which serves the classic
 * one only), the thaw is demanded on the other; that is evidence only if no freeze can wait unread in the first: its QEMU is gone.
 */
export async function reachForThaw(
  { channel: address, otherChannel }: Pick<Intent, 'channel' | 'otherChannel'>,
  connect: Connect,
): Promise<ReachedAgent> {
  try {
    return { channel: await connect(address), fenced: true };
  } catch (error) {
    if (otherChannel === undefined || !isStillframeError(error)) throw error;
    return { channel: await connect(otherChannel), fenced: goneErrnos.includes(error.facts.errno) };
  }
}

/** Of connect(2): the socket does not exist, or no process listens on it. */
const goneErrnos: unknown[] = ['ENOENT', 'ECONNREFUSED'];
