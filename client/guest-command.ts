/** One command to one guest: starts its workflow and waits for the answer. */

import { randomBytes } from 'node:crypto';
import { StillframeError } from '../model/errors.ts';
import { newBackupId, type BackupId } from '../model/ids.ts';
import { guestCommand, type GuestCommandName, type GuestCommandResult } from '../model/workflows/guest-command.ts';
import type { Temporal } from './connection.ts';
import { findGuest, type FoundGuest } from './hosts.ts';
import { startWorkflow } from './workflows.ts';

/** Above the sum of an activity's own limits (a lease and its margins): an answer still comes after a slow freeze. */
const answerMs = 90_000;

type Answered<Name> = FoundGuest & { result: Extract<GuestCommandResult, { command: Name }>; backup: BackupId };

/** Result of `command`, and the guest that it went to. @throws command-unanswered when the outcome is not known in time */
export async function runGuestCommand<Name extends GuestCommandName>(
  temporal: Temporal,
  command: Name,
  name: string,
  leaseMs?: number,
): Promise<Answered<Name>> {
  return commandGuest(temporal, command, await findGuest(temporal, name), leaseMs);
}

/** The same to a guest that has been found. */
export async function commandGuest<Name extends GuestCommandName>(
  temporal: Temporal,
  command: Name,
  found: FoundGuest,
  leaseMs?: number,
): Promise<Answered<Name>> {
  const { guest, inventory } = found;
  const backup = newBackupId(Date.now(), randomBytes(4).toString('hex'));
  const input = { guest: guest.id, host: inventory.host, command, backup, leaseMs };
  const deadline = AbortSignal.timeout(answerMs);
  try {
    const result = await temporal.connection.withAbortSignal(deadline, async () => {
      const summary = `${command} of ${guest.name}`;
      return (await startWorkflow(temporal.client, guestCommand, input, { summary })).result();
    });
    return { ...found, backup, result: result as Extract<GuestCommandResult, { command: Name }> };
  } catch (error) {
    if (!deadline.aborted) throw error;
    throw new StillframeError(
      'command-unanswered',
      `${command} of ${guest.name} was not answered within ${answerMs / 1_000} s and continues on the server: ask again with "stillframe guest status ${guest.name}"`,
      { guest: guest.id, command },
    );
  }
}
