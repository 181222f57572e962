/** Held windows through the server. */

import { randomBytes } from 'node:crypto';
import { StillframeError } from '../model/errors.ts';
import { newBackupId } from '../model/ids.ts';
import { didYouMean } from '../model/near.ts';
import type { WindowOutcome } from '../model/window/window.ts';
import { heldWindow } from '../model/workflows/held-window.ts';
import type { Inventory } from '../model/workflows/host-entity.ts';
import type { Temporal } from './connection.ts';
import { findGuest, type FoundGuest } from './hosts.ts';
import { startWorkflow } from './workflows.ts';

/** Freezes a guest around a snapshot command of its host's file. @throws window-open, snapshot-unknown, and what the window failed with */
export async function holdWindow(
  temporal: Temporal,
  name: string,
  { snapshot, leaseMs }: { snapshot: string; leaseMs: number | undefined },
): Promise<FoundGuest & { outcome: WindowOutcome }> {
  const found = await findGuest(temporal, name);
  const { guest, inventory } = found;
  demandSnapshot(inventory, snapshot);
  const { WorkflowExecutionAlreadyStartedError } = await import('@temporalio/client');
  const input = {
    backup: newBackupId(Date.now(), randomBytes(4).toString('hex')),
    guest: guest.id,
    guestName: guest.name,
    host: inventory.host,
    snapshot,
    leaseMs,
  };
  try {
    const handle = await startWorkflow(temporal.client, heldWindow, input, {
      summary: `window of ${guest.name} around ${snapshot}`,
    });
    return { ...found, outcome: await handle.result() };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new StillframeError('window-open', `a held window of ${guest.name} is open already: wait until it has ended`, {
      guest: guest.id,
    });
  }
}

/** The host refuses it too; here the near names are at hand, and no guardian is armed for nothing. */
function demandSnapshot({ host, snapshots }: Inventory, wanted: string): void {
  if (snapshots.includes(wanted)) return;
  const has = snapshots.length === 0 ? 'has none' : `has ${snapshots.join(', ')}`;
  throw new StillframeError(
    'snapshot-unknown',
    `host ${host} has no snapshot command ${JSON.stringify(wanted)}.${didYouMean(wanted, snapshots)} "snapshots" in its file ${has}`,
    { snapshot: wanted },
  );
}
