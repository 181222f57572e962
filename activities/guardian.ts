/** Alerts of the thaw guardian. */

import type { Log } from '../lib/log.ts';
import { serve } from './activities.ts';
import type { GuardianArm } from '../model/window/watches.ts';

export function createGuardianActivities({ log }: { log: Log }) {
  return serve({
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
