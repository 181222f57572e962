/** One command to one guest, from the command line: durable, visible, and under a lease when it freezes. */

import type { GuestCommandInput, GuestCommandResult } from '../model/workflows/guest-command.ts';
import { hostActivities } from './activities.ts';
import { checkedInput, hostAbsent, neverStarted } from './failures.ts';

export async function guestCommand(given: GuestCommandInput): Promise<GuestCommandResult> {
  const input = checkedInput('guestCommand', given);
  try {
    return await run(input);
  } catch (error) {
    throw neverStarted(error) ? hostAbsent(input.host) : error;
  }
}

async function run({ command, guest, host, backup, leaseMs }: GuestCommandInput): Promise<GuestCommandResult> {
  const activities = hostActivities(host);
  switch (command) {
    case 'ping':
      return { command, roundTripMs: await activities.guestPing({ guest }) };
    case 'info':
      return { command, info: await activities.guestInfo({ guest }) };
    case 'status':
      return { command, ...(await activities.guestStatus({ guest })) };
    case 'freeze':
      return { command, ...(await activities.freeze({ guest, backup, attempt: 1, leaseMs })) };
    case 'thaw':
      return { command, report: await activities.ensureThawed({ guest, by: 'operator' }) };
  }
}
