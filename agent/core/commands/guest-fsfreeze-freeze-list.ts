/**
 * guest-fsfreeze-freeze-list: freezes the filesystems that are mounted at these places, all of them when none are named; answers how
 * many it froze. A client that names no lease gets the lease of the settings.
 */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Agent, Command } from '../command.ts';

export const fsfreezeFreezeList: Command = {
  takes: { mountpoints: { type: 'strings', optional: true } },
  run: freezeCounted,
};

export async function freezeCounted({ freeze, settings, log }: Agent, { mountpoints }: JsonObject): Promise<number> {
  log.audit('guest-fsfreeze called');
  const { filesystems } = await freeze!.freeze({
    epoch: undefined,
    leaseMs: settings.leaseSeconds === 0 ? undefined : settings.leaseSeconds * 1000,
    mountPoints: mountpoints as string[] | undefined,
  });
  return filesystems.filter(({ outcome }) => outcome === 'frozen').length;
}
