/** What the thaw guardian, and workflows whose host is silent, need besides hosts: alerts, and where a guest is now. */

import type { Log } from '../lib/log.ts';
import { serve } from './activities.ts';
import type { GuestId, HostId } from '../model/ids.ts';
import type { GuardianArm } from '../model/window/watches.ts';

export interface GuardianParts {
  log: Log;
  /** Hosts that announce a guest of this id. */
  findHostsWith: (guest: GuestId) => Promise<HostId[]>;
}

export function createGuardianActivities({ log, findHostsWith }: GuardianParts) {
  return serve({
    /** The hosts that announce the guest, but for `host`. */
    async hostsWith({ guest, host }: { guest: GuestId; host: HostId }): Promise<HostId[]> {
      return (await findHostsWith(guest)).filter((each) => each !== host);
    },

    /** Reports, at the level of an error, that a guest may be frozen and that its host does not confirm the thaw. */
    async page({ arm, tries }: { arm: GuardianArm; tries: number }): Promise<void> {
      log(
        'error',
        `guest ${arm.guest} on host ${arm.host} may still be frozen: no confirmation of the thaw after ${tries} tries; run "stillframe thaw --local" there`,
        {
          guest: arm.guest,
          host: arm.host,
          backup: arm.backup,
        },
      );
    },
  });
}
