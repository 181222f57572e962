/** The shape of a guest's claim in a record on disk: of a manifest and of the journal. */

import { count, list, milliseconds, object, oneOf, orAbsent, orNull, text, truth, type Check } from '../check.ts';
import { agentKinds, type GuestClaim, type GuestFilesystem, type GuestHook, type LeaseClaim } from './window.ts';

const filesystem: Check<GuestFilesystem> = object<Omit<GuestFilesystem, 'places'>>({
  mountpoint: text,
  type: text,
  device: text,
  outcome: orAbsent(text),
});

const hooks: Check<GuestHook[]> = list(object<GuestHook>({ name: text, outcome: text, detail: orNull(text) }));

export const guestClaim: Check<GuestClaim> = object<GuestClaim>({
  agent: oneOf(...agentKinds),
  version: text,
  filesystems: list(filesystem),
  frozenCount: orNull(count),
  thawedCount: orNull(count),
  frozenAfterPointInTime: truth,
  lease: orAbsent(
    object<LeaseClaim>({
      bootId: text,
      epochAtProof: orNull(count),
      hooks,
      thawHooks: orNull(hooks),
      heldMs: orNull(milliseconds),
      leaseFired: orNull(truth),
    }),
  ),
});
