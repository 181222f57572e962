/** One command to one guest, from the command line: durable, visible, and under a lease when it freezes. */

import type { GuestCommandInput, GuestCommandResult } from '../model/workflows/messages.ts';
import { hostAbsent, neverStarted } from './failures.ts';
import { hostActivities } from './host-activities.ts';

export async function guestCommand(input: GuestCommandInput): Promise<GuestCommandResult> {
  try {
    return await run(input);
  } catch (error) {
    throw neverStarted(error) ? hostAbsent(input.host) : error;
  }
}

async function run({ command, guest, host, backup, leaseMs }: GuestCommandInput): Promise<GuestCommandResult> {
  const { questions, freeze, urgent } = hostActivities(host);
  switch (command) {
    case 'ping':
      return { command, roundTripMs: await questions.guestPing({ guest }) };
    case 'info':
      return { command, info: await questions.guestInfo({ guest }) };
    case 'status':
      return { command, ...(await questions.guestStatus({ guest })) };
    case 'freeze':
      return { command, ...(await freeze({ guest, backup, attempt: 1, ...(leaseMs === undefined ? {} : { leaseMs }) })) };
    case 'thaw':
      return { command, report: await urgent.ensureThawed({ guest, by: 'operator' }) };
  }
}
