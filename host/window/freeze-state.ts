/** What an agent of either kind says when it is asked whether its guest is frozen. */

import { fitting } from '../../model/window/bounds.ts';
import type { GuestLease } from '../../model/workflows/guest-command.ts';
import { fsfreezeStatus } from '../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { info, type AgentInfo } from '../../protocol/agent/commands/guest-info.ts';
import { leaseStatus } from '../../protocol/agent/commands/stillframe-status.ts';
import type { AgentChannel } from '../channel/types.ts';

export interface FreezeState {
  agent: 'frozen' | 'thawed';
  /** Of our agent only. */
  lease: GuestLease | null;
}

/** UTF-16 units of a list's JSON: a result stays far below what the server carries, and lists some hundred mount points. */
const longestList = 32_000;

/** `timeoutMs` bounds each of its questions; the commands' own limits when absent. */
export async function askFreezeState(channel: AgentChannel, timeoutMs?: number): Promise<FreezeState> {
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  const lease = await askLease(channel, await channel.execute(info, undefined, options), options);
  return { lease, agent: await channel.execute(fsfreezeStatus, undefined, options) };
}

/** Null for a stock agent: only our agent has the command, and answers it while it is frozen too. */
export async function askLease(
  channel: AgentChannel,
  { commands }: AgentInfo,
  options: { timeoutMs?: number } = {},
): Promise<GuestLease | null> {
  if (!commands.some(({ name, enabled }) => name === leaseStatus.name && enabled)) return null;
  const { state, epoch, remaining, held, foreign } = await channel.execute(leaseStatus, undefined, options);
  return {
    state,
    epoch: epoch ?? null,
    remainingMs: remaining ?? null,
    held: fitting(held, longestList),
    foreign: fitting(foreign, longestList),
  };
}
