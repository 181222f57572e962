/** Doctor: the state directory, and what it says is owed to guests. */

import { access, constants } from 'node:fs/promises';
import type { Intent } from '../../host/journal/intent.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { monotonicMs } from '../../lib/clock.ts';
import { errnoOf } from '../../lib/errno.ts';
import type { Finding } from '../../model/doctor.ts';
import { messageOf } from '../../model/errors.ts';
import { fail, ok, warn } from './finding.ts';

export async function checkJournal(stateDir: string): Promise<Finding[]> {
  try {
    await access(stateDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const missing = errnoOf(error) === 'ENOENT';
    if (missing)
      return [warn('journal', `${stateDir} is not there`, 'the host worker makes it; if one runs here, name its --state')];
    return [
      fail(
        'journal',
        `${stateDir} cannot be written: ${messageOf(error)}`,
        'without a journal nothing is frozen: fix the permissions or run as root',
      ),
    ];
  }
  const { intents, damaged } = await openJournal({ stateDir }).openIntents();
  const findings = [
    ...damaged.map(({ guest, paths }) =>
      fail(
        'journal',
        `guest ${guest} may be owed a thaw, and ${paths.join(' and ')} cannot be read`,
        `stillframe guest thaw ${guest}, then rm ${paths.join(' ')}`,
      ),
    ),
    ...intents.map(owed),
  ];
  return findings.length > 0 ? findings : [ok('journal', `${stateDir}: no guest is owed a thaw`)];
}

/** A window within its lease is work in progress. */
function owed(intent: Intent): Finding {
  const { guestName, epoch, openedAt, startedMs, leaseMs } = intent;
  const what = `${guestName} is owed a thaw (epoch ${epoch}, since ${openedAt})`;
  if (monotonicMs() < startedMs + leaseMs)
    return warn('journal', `${what}; its lease still runs`, 'nothing: the window ends by itself');
  return fail('journal', `${what}; its lease is over`, 'stillframe thaw --local');
}
