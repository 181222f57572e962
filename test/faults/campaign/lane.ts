/** One guest's part of a round: a real backup or held window, and the fault that strikes while it is at its phase. */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { handleOf, startWorkflow } from '../../../client/workflows.ts';
import { exists } from '../../../lib/durable.ts';
import { messageOf } from '../../../model/errors.ts';
import { guestId, newBackupId, type BackupId } from '../../../model/ids.ts';
import { backupGuest } from '../../../model/workflows/backup-guest.ts';
import { heldWindow } from '../../../model/workflows/held-window.ts';
import { eventually } from './bounded.ts';
import { phases, type Fault, type Form, type Strike } from './plan.ts';
import { campaignHost, campaignLeaseMs, repositoryName, type CampaignGuest, type CampaignSite } from './site.ts';
import { strike } from './strike.ts';

export interface Operation {
  form: Form;
  backup: BackupId;
  handle: WorkflowHandle;
  /** By disk, the last file that its writer had reported when the operation began: a point must hold it. */
  acknowledged: Map<string, number>;
}

/** A server that was killed is back after some seconds, and under load after many. */
const startMs = 90_000;
/** Retries of a copy, and a server that comes back. */
export const endMs = 180_000;
/** A phase that another lane's fault keeps this one from: the blow falls all the same. */
const reachMs = 15_000;

/** Starts it, through whatever another lane's fault has done to the server. */
export async function begin(site: CampaignSite, { guest, snapshot }: CampaignGuest, form: Form): Promise<Operation> {
  const acknowledged = new Map(guest.disks.map(({ name }) => [name, guest.console.last(name)?.seq ?? 0]));
  const backup = newBackupId(Date.now(), randomBytes(4).toString('hex'));
  const of = { backup, guest: guestId(guest.uuid), guestName: guest.name, host: campaignHost };
  // As the command line starts one: by the memo the host's reaper knows which backup runs.
  const options = { summary: 'campaign', memo: { backup, guest: of.guest, guestName: of.guestName, host: of.host } };
  const attempt = () =>
    form === 'backup'
      ? startWorkflow(site.client, backupGuest, { ...of, repository: repositoryName, want: 'filesystem' }, options)
      : startWorkflow(site.client, heldWindow, { ...of, snapshot, leaseMs: campaignLeaseMs }, options);
  const handle = await eventually<WorkflowHandle>(startMs, `the start of a ${form} of ${guest.name}`, async () => {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      // A start whose reply was lost.
      return form === 'backup' ? handleOf(site.client, backupGuest, of) : handleOf(site.client, heldWindow, of);
    }
  });
  return { form, backup, handle, acknowledged };
}

/** How it ended: COMPLETED, FAILED, TERMINATED. @throws NotInTimeError */
export async function ended(of: CampaignGuest, { handle, form }: Operation): Promise<string> {
  return eventually(endMs, `the end of the ${form} of ${of.guest.name}`, async () => {
    const { status } = await handle.describe();
    return status.name === 'RUNNING' ? undefined : status.name;
  });
}

export interface LaneReport {
  /** Null when it could not be started. */
  operation: Operation | null;
  /** The blows that hit something. */
  struck: Strike[];
  /** What did not happen within its bound; null when all did. */
  problem: string | null;
  /** Whether the blow fell at its phase, not after a wait in vain for it. */
  reached: boolean;
}

export async function runLane(site: CampaignSite, of: CampaignGuest, fault: Fault): Promise<LaneReport> {
  const lane: LaneReport = { operation: null, struck: [], problem: null, reached: false };
  try {
    await go(site, of, fault, lane);
  } catch (error) {
    lane.problem = messageOf(error);
  }
  return lane;
}

async function go(site: CampaignSite, of: CampaignGuest, fault: Fault, lane: LaneReport): Promise<void> {
  const { form, command } = phases[fault.phase];
  await rm(of.snapshotBegan, { force: true });
  let hold = command === null ? null : of.proxy.hold(command);
  try {
    lane.operation = await begin(site, of, form);
    lane.reached = await reach(hold === null ? exists.bind(null, of.snapshotBegan) : seen(hold));
    if (fault.phase === 'commit' && lane.reached) {
      // The first one after the exports asks whether the point in time still holds, before the commit.
      const exported = hold!;
      hold = of.proxy.hold('query-jobs');
      exported.release();
      lane.reached = await reach(seen(hold));
    }
    if (fault.phase === 'copy') hold?.release();
    await strike(site, of, fault, lane.operation.handle, lane.struck);
    hold?.release();
    await site.revive();
    await ended(of, lane.operation);
  } finally {
    hold?.release();
  }
}

type Hold = ReturnType<CampaignGuest['proxy']['hold']>;

function seen(hold: Hold): () => Promise<boolean> {
  let isSeen = false;
  void hold.seen.then(() => (isSeen = true));
  return async () => isSeen;
}

/** False when it was not reached in time. */
async function reach(isThere: () => Promise<boolean>): Promise<boolean> {
  return eventually(reachMs, 'the phase', async () => (await isThere()) || undefined).catch(() => false);
}
