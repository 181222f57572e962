/** A guest beside the one that a test or a bench looks at: with windows of its own in the same process, and a thaw that never succeeds. */

import { rm } from 'node:fs/promises';
import { connectAgent } from '../../host/channel/agent-channel.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { createWindows } from '../../host/window/windows.ts';
import { backupId, guestId } from '../../model/ids.ts';
import { createFakeDriver } from '../fakes/fake-driver.ts';
import { makeFolder } from './folder.ts';

export interface Neighbour {
  /** Resolves when the thaw of its window has failed twice. @throws what refused or ended the window */
  refused: Promise<unknown>;
  isOwed(): Promise<boolean>;
  /** Lets its window end as a reset of the guest does. */
  close(): Promise<void>;
}

/** Its agent is the one behind `path`; its window begins at once. */
export async function openNeighbour(name: string, path: string): Promise<Neighbour> {
  const guest = guestId(name);
  const directory = await makeFolder();
  const driver = createFakeDriver({ id: guest, name, channel: { kind: 'socket', path }, carries: [] });
  const journal = openJournal({ stateDir: directory });
  const refused = Promise.withResolvers<void>();
  let failures = 0;
  const windows = createWindows({
    driver,
    journal,
    config: { limits: { leaseMs: 10_000, leaseCapMs: 10_000, gapMs: 0, perHour: 0 }, snapshots: {} },
    connect: connectAgent,
    log: (_, message) => {
      if (message.startsWith('thaw not confirmed') && ++failures === 2) refused.resolve();
    },
  });
  const outcome = windows.freezeWindow({ guest, backup: backupId('b-1'), attempt: 1 });
  outcome.catch(refused.reject);
  refused.promise.catch(() => {});
  return {
    refused: refused.promise,
    isOwed: async () => (await windows.status(guest)) !== null,
    async close() {
      driver.guestHas('shutdown');
      await windows.drain();
      await outcome.catch(() => {});
      await rm(directory, { recursive: true });
    },
  };
}
