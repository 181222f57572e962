/** One command to one guest: starts its workflow and waits for the answer. */

import { randomBytes } from 'node:crypto';
import { StillframeError } from '../model/errors.ts';
import { controlQueue, newBackupId, workflowIds } from '../model/ids.ts';
import type { GuestCommandInput, GuestCommandName, GuestCommandResult } from '../model/workflows/messages.ts';
import type { Context } from '../cli/context.ts';
import { findGuest, type FoundGuest } from './hosts.ts';
import { withTemporal } from './connection.ts';

/** Above the sum of an activity's own limits (a lease and its margins): an answer still comes after a slow freeze. */
const answerMs = 90_000;

/** Result of `command`, and the guest that it went to. @throws command-unanswered when the outcome is not known in time */
export async function runGuestCommand<Name extends GuestCommandName>(
  context: Context,
  flags: { address?: string; lease?: number },
  command: Name,
  name: string,
): Promise<FoundGuest & { result: Extract<GuestCommandResult, { command: Name }>; backup: string }> {
  return withTemporal(context, flags, async (temporal) => {
    const found = await findGuest(temporal, name);
    const { guest, inventory } = found;
    const backup = newBackupId(Date.now(), randomBytes(4).toString('hex'));
    const input: GuestCommandInput = {
      guest: guest.id,
      host: inventory.host,
      command,
      backup,
      ...(flags.lease === undefined ? {} : { leaseMs: flags.lease }),
    };
    const deadline = AbortSignal.timeout(answerMs);
    try {
      const execute = () =>
        temporal.client.workflow.execute('guestCommand', {
          taskQueue: controlQueue,
          workflowId: workflowIds.guestCommand(guest.id, backup),
          args: [input],
          staticSummary: `${command} of ${guest.name}`,
        });
      const result = (await temporal.connection.withAbortSignal(deadline, execute)) as GuestCommandResult;
      return { ...found, backup, result: result as Extract<GuestCommandResult, { command: Name }> };
    } catch (error) {
      if (!deadline.aborted) throw error;
      throw new StillframeError(
        'command-unanswered',
        `${command} of ${guest.name} was not answered within ${answerMs / 1_000} s and goes on on the server: ask again with "stillframe guest status ${guest.name}"`,
        { guest: guest.id, command },
      );
    }
  });
}
