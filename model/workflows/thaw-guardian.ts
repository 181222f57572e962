/** Contract of `thawGuardian`: demands the thaw of held windows that nobody disarms in time. */

import { guardianQueue, type GuestId } from '../ids.ts';
import type { GuardianArm, GuardianReport, GuardianState } from '../window/watches.ts';
import { contract, message, query } from './contract.ts';

/** One guardian for each guest; its first arming starts it, and it ends when it has nothing to watch. */
export const thawGuardian = contract<[state?: GuardianState], GuardianReport[]>()({
  type: 'thawGuardian',
  queue: guardianQueue,
  id: ({ guest }: { guest: GuestId }) => `guardian/${guest}`,
  queries: { armed: query<GuardianArm[]>('armed'), reports: query<GuardianReport[]>('reports') },
  updates: { arm: message<GuardianArm>('arm') },
  signals: { disarm: message<GuardianArm>('disarm') },
});
