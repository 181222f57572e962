/** Why no agent answers a sync: another program has the channel, or there is no agent. */

import { StillframeError } from '../../model/errors.ts';
import { isHeldByAnother, nameHolder, type Clients } from './holder.ts';

/** Call it while our own connection is open: the difference is between that one and the other. */
export async function explainSilence(path: string, timeoutMs: number, before: Clients): Promise<StillframeError> {
  if (await isHeldByAnother(path, before)) {
    const holder = await nameHolder(path);
    return new StillframeError(
      'channel-held',
      `another program holds the agent's channel ${path} (${holder}): QEMU serves one client at a time; end it, or give Stillframe a channel of its own`,
      { path, holder },
    );
  }
  return new StillframeError(
    'agent-absent',
    `the channel ${path} is open, but no agent answers in the guest within ${timeoutMs} ms: is qemu-guest-agent installed and running there?`,
    { path, timeoutMs },
  );
}
