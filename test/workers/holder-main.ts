/** A host worker in small: freezes a guest as a window does, with the intent in the journal, and holds its channel until it is ended. */

import { connectAgent } from '../../host/channel/agent-channel.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { backupId, guestId } from '../../model/ids.ts';
import { fsfreezeFreeze } from '../../protocol/agent/commands/guest-fsfreeze-freeze.ts';

const [stateDir, guest, path] = process.argv.slice(2) as [string, string, string];
const address = { kind: 'socket', path } as const;
const channel = await connectAgent(address);
await openJournal({ stateDir }).begin({
  guest: guestId(guest),
  guestName: `name of ${guest}`,
  backup: backupId('b-1'),
  attempt: 1,
  leaseMs: 5_000,
  channel: address,
  claim: {
    agent: 'qemu-ga',
    version: '11.1.3',
    filesystems: [],
    frozenCount: null,
    thawedCount: null,
    frozenAfterPointInTime: false,
  },
});
await channel.execute(fsfreezeFreeze, undefined);
process.send!('holds');
