/** Doctor: what the host worker's last sweep over the guests has found. */

import { lastSweep } from '../../host/window/sweep.ts';
import type { Finding } from '../../model/doctor.ts';
import { formatDuration } from '../../model/units.ts';
import { fail, ok, warn } from './finding.ts';

/** A sweep comes every minute, and one over many silent guests takes longer. */
const oldMs = 300_000;

export async function checkFreezes(stateDir: string): Promise<Finding[]> {
  const last = await lastSweep(stateDir);
  if (!last)
    return [
      warn('freezes', 'no sweep over the guests is recorded here', 'start the host worker; if one runs here, name its --state'),
    ];
  const { sweptAt, strays, unseen } = last;
  const ageMs = Date.now() - Date.parse(sweptAt);
  const found = strays.map(({ guestName, foundAt }) =>
    fail(
      'freezes',
      `${guestName} is frozen by no window of this host (found ${foundAt})`,
      `end the program that froze it, or "stillframe guest thaw ${guestName}"`,
    ),
  );
  if (ageMs > oldMs)
    found.push(warn('freezes', `the last sweep over the guests was ${formatDuration(ageMs)} ago`, 'start the host worker'));
  const blind = unseen.map(({ guestName, why }) => `${guestName} (${why})`).join(', ');
  if (blind)
    found.push(
      warn(
        'freezes',
        `whether these are frozen is not known: ${blind}`,
        'a second channel lets Stillframe ask a guest whose first one is held',
      ),
    );
  return found.length > 0 ? found : [ok('freezes', `no guest is frozen by anything but a window (${sweptAt})`)];
}
