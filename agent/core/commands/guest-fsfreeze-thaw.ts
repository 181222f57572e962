/**
 * guest-fsfreeze-thaw: ends the freeze that the agent holds, and freezes by others too, as qemu-ga does: administrators use it to free
 * a guest that another program left frozen. Answers how many filesystems it thawed.
 */

import { SystemError } from '../platform.ts';
import type { Agent, Command } from '../command.ts';
import { planFreeze } from '../freeze/plan.ts';

export const fsfreezeThaw: Command = { takes: {}, run: thawAll };

async function thawAll({ platform, freeze, log }: Agent): Promise<number> {
  const ours = await freeze!.thaw();
  log.audit('guest-fsfreeze-thaw called');
  const thawed = (ours?.filesystems ?? []).filter(({ outcome }) => outcome === 'thawed').map(({ path }) => path);
  if (ours?.whole) return thawed.length;
  const others = planFreeze(platform, undefined).filesystems.filter(({ path }) => !thawed.includes(path));
  const results = await platform.kernel.thaw(
    others.toReversed().map(({ path }) => path),
    foreignLimitMs,
  );
  const foreign = others.toReversed().filter((_, index) => {
    const result = results[index];
    return !(result instanceof SystemError) && result !== undefined && result > 0;
  });
  for (const { mountPoint } of foreign) log.audit(`guest-fsfreeze-thaw undid a freeze of ${mountPoint} by another program`);
  return thawed.length + foreign.length;
}

/** FITHAW takes milliseconds; one that blocks waits for a device. Together with the agent's own thaw this stays below the hosts' time-outs. */
const foreignLimitMs = 1_500;
