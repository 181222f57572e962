/** The two kinds of agent that a window can be held on, and which of them a guest has. */

import type { AgentInfo } from '../../protocol/agent/commands/guest-info.ts';
import { leaseFreeze } from '../../protocol/agent/commands/stillframe-freeze.ts';
import { leaseStatus } from '../../protocol/agent/commands/stillframe-status.ts';
import { leaseThaw } from '../../protocol/agent/commands/stillframe-thaw.ts';
import { ownAgent } from './own-agent.ts';
import type { AgentKind } from '../../model/window/window.ts';
import type { Peer } from './peer.ts';
import { stockAgent } from './stock-agent.ts';

export const peers: Record<AgentKind, Peer> = { 'qemu-ga': stockAgent, stillframe: ownAgent };

/** Our agent has all three commands of the lease and allows them: a list of allowed commands can take them away. */
export function agentKind({ commands }: AgentInfo): AgentKind {
  const enabled = new Set(commands.filter((command) => command.enabled).map((command) => command.name));
  return [leaseFreeze, leaseThaw, leaseStatus].every(({ name }) => enabled.has(name)) ? 'stillframe' : 'qemu-ga';
}
