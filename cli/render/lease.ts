/** What our agent says of the freeze that it holds, for people. */

import type { GuestLease } from '../../model/workflows/guest-command.ts';
import { formatDuration } from '../../model/units.ts';

type Field = readonly [label: string, value: string | readonly string[]];

/** Empty for a stock agent, which reports only frozen or thawed. */
export function leaseFields(lease: GuestLease | undefined): Field[] {
  if (!lease) return [];
  return [
    ['guest holds', lease.state === 'thawed' ? 'nothing' : heldBy(lease)],
    ...(lease.held.length === 0 ? [] : [['frozen', lease.held] as const]),
    ...(lease.foreign.length === 0 ? [] : [['frozen by others', lease.foreign] as const]),
  ];
}

function heldBy({ state, epoch, remainingMs }: GuestLease): string {
  const whose = epoch === null ? 'the freeze of a client without an epoch' : `epoch ${epoch}`;
  const until = remainingMs === null ? 'it has no lease' : `its lease ends in ${formatDuration(remainingMs)}`;
  return `${whose} (${state}), ${until}`;
}
