/** `stillframe window run GUEST --snapshot NAME`: a held window around a snapshot that is not the host's to take. */

import { buildRouteMap } from '@stricli/core';
import { randomBytes } from 'node:crypto';
import { StillframeError } from '../../../model/errors.ts';
import { controlQueue, newBackupId, workflowIds } from '../../../model/ids.ts';
import type { HeldWindowInput, Inventory } from '../../../model/workflows/messages.ts';
import { didYouMean } from '../../../model/near.ts';
import type { WindowOutcome } from '../../../model/window/window.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { exit } from '../../exit.ts';
import { addressFlag, guestArgument, jsonFlag, leaseFlag } from '../../flags.ts';
import { findGuest } from '../../../client/hosts.ts';
import { printJson } from '../../render/json.ts';
import { renderFields } from '../../render/table.ts';
import { reasonField, windowFields } from '../../render/window.ts';
import { withTemporal, type Temporal } from '../../../client/connection.ts';

interface Flags {
  snapshot: string;
  lease?: number;
  address?: string;
  json: boolean;
}

const windowRun = command(
  {
    docs: {
      brief: "Freeze a guest around a snapshot command of the host's file",
      fullDescription:
        "Freeze a guest, run a snapshot command that the host's file names, thaw. A guardian is armed first. When the freeze did\nnot hold through the snapshot, the reasons say why and the exit status is 3.",
    },
    parameters: {
      flags: {
        snapshot: {
          kind: 'parsed',
          parse: (input: string) => input,
          placeholder: 'NAME',
          brief: "Snapshot command by its name in the host's file",
        },
        lease: leaseFlag,
        address: addressFlag,
        json: jsonFlag,
      },
      positional: guestArgument,
    },
    async func(this: Context, flags: Flags, name: string) {
      const { outcome, guestName } = await withTemporal(this, flags, (temporal) => hold(temporal, flags, name));
      if (flags.json) printJson(this, outcome);
      else {
        this.process.stdout.write(
          renderFields([
            ['window', outcome.backup],
            ['guest', guestName],
            ['snapshot', flags.snapshot],
            ...windowFields(outcome),
            reasonField(outcome.reasons),
          ]),
        );
      }
      if (outcome.reasons.length > 0) this.process.exitCode = exit.short;
    },
  },
  ['short', 'refused', 'unknown', 'notRunning', 'temporal'],
);

async function hold(temporal: Temporal, flags: Flags, name: string): Promise<{ outcome: WindowOutcome; guestName: string }> {
  const { guest, inventory } = await findGuest(temporal, name);
  demandSnapshot(inventory, flags.snapshot);
  const { WorkflowExecutionAlreadyStartedError } = await import('@temporalio/client');
  const input: HeldWindowInput = {
    backup: newBackupId(Date.now(), randomBytes(4).toString('hex')),
    guest: guest.id,
    guestName: guest.name,
    host: inventory.host,
    snapshot: flags.snapshot,
    ...(flags.lease === undefined ? {} : { leaseMs: flags.lease }),
  };
  try {
    const outcome = (await temporal.client.workflow.execute('heldWindow', {
      taskQueue: controlQueue,
      workflowId: workflowIds.window(guest.id),
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      args: [input],
      staticSummary: `window of ${guest.name} around ${flags.snapshot}`,
    })) as WindowOutcome;
    return { outcome, guestName: guest.name };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new StillframeError('window-open', `a held window of ${guest.name} is open already: wait until it has ended`, {
      guest: guest.id,
    });
  }
}

/** The host refuses it too; here the near names are at hand, and nothing is armed in vain. */
function demandSnapshot({ host, snapshots }: Inventory, wanted: string): void {
  if (snapshots.includes(wanted)) return;
  const has = snapshots.length === 0 ? 'has none' : `has ${snapshots.join(', ')}`;
  throw new StillframeError(
    'snapshot-unknown',
    `host ${host} has no snapshot command ${JSON.stringify(wanted)}.${didYouMean(wanted, snapshots)} "snapshots" in its file ${has}`,
    { snapshot: wanted },
  );
}

export const windowRoutes = buildRouteMap<string, Context>({
  routes: { run: windowRun },
  docs: { brief: 'Freeze a guest around a snapshot that something else takes' },
});
