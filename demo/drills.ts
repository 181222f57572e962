/** What happens when something dies in the middle of a window: real faults on real parts, judged by the guest's own writers. */

import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { ask, handleOf, startWorkflow } from '../client/workflows.ts';
import { openAgentChannel } from '../host/channel/agent-channel.ts';
import { openMonitor } from '../host/channel/monitor.ts';
import type { Intent } from '../host/journal/intent.ts';
import { exists } from '../lib/durable.ts';
import { guestId, newBackupId, objectStem } from '../model/ids.ts';
import type { GuardianReport } from '../model/window/watches.ts';
import { backupGuest, type BackupInput } from '../model/workflows/backup-guest.ts';
import { heldWindow, type HeldWindowInput } from '../model/workflows/held-window.ts';
import { thawGuardian } from '../model/workflows/thaw-guardian.ts';
import type { ThawedBy, WindowKey, WindowOutcome } from '../model/window/window.ts';
import { fsfreezeStatus } from '../protocol/agent/commands/guest-fsfreeze-status.ts';
import { labHost, repositoryName, snapshots, type Site } from './site.ts';

export type Form = 'whole' | 'held';
export type Fault =
  | 'snapshot fails'
  | 'worker killed'
  | 'worker stopped'
  | 'warden killed'
  | 'agent killed'
  | 'host stopped'
  | 'server killed'
  | 'workflow terminated';

export interface DrillReport {
  name: string;
  thawedBy: ThawedBy;
  /** By the writers' own clock. */
  longestStallMs: number;
  leaseMs: number;
  left: 'thawed' | 'frozen';
  /** How the guardian's watch ended; only where it had to act. */
  guardian?: GuardianReport['ended'];
}

export const drills: { form: Form; fault: Fault }[] = [
  ...(['snapshot fails', 'worker killed', 'worker stopped', 'server killed'] as const).flatMap((fault) => [
    { form: 'whole' as const, fault },
    { form: 'held' as const, fault },
  ]),
  { form: 'held', fault: 'workflow terminated' },
  { form: 'whole', fault: 'host stopped' },
];

export async function runDrill(site: Site, form: Form, fault: Fault): Promise<DrillReport> {
  const { guest } = site;
  guest.console.mark();
  const open = form === 'whole' ? await openWhole(site) : await openHeld(site, fault);
  const intent = await site.journal.intentOf(guestId(guest.uuid));
  await strike(site, open, intent, fault);
  const outcome = await ended(site, open.key);
  open.release();
  await Promise.all(guest.disks.map((disk) => guest.console.nextWrite(disk.name)));
  const report: DrillReport = {
    name: `${fault}, ${form} window`,
    thawedBy: outcome.thawedBy,
    longestStallMs: guest.console.longestStallMs(),
    leaseMs: outcome.leaseMs,
    left: await statusOf(guest.channel),
  };
  if (fault === 'workflow terminated') report.guardian = await guardianActed(site, open.key);
  await site.whole();
  await open.handle.result().catch((error: unknown) => {
    if (!(error instanceof WorkflowFailedError)) throw error;
  });
  return report;
}

interface OpenDrill {
  key: WindowKey;
  handle: WorkflowHandle;
  /** Releases what was held back. */
  release(): void;
}

function newKey(site: Site): WindowKey {
  return { guest: guestId(site.guest.uuid), backup: newBackupId(Date.now(), randomBytes(4).toString('hex')), attempt: 1 };
}

/** A backup whose transaction is held back in the monitor's proxy: the guest is frozen, the point in time not taken. */
async function openWhole(site: Site): Promise<OpenDrill> {
  const key = newKey(site);
  const hold = site.proxy.hold('transaction');
  const input: BackupInput = {
    backup: key.backup,
    guest: key.guest,
    guestName: site.guest.name,
    host: labHost,
    repository: repositoryName,
    want: 'filesystem',
  };
  const handle = await startWorkflow(site.client, backupGuest, input, { summary: 'drill' });
  await hold.seen;
  return { key, handle, release: hold.release };
}

/** A held window whose snapshot command has begun. */
async function openHeld(site: Site, fault: Fault): Promise<OpenDrill> {
  const key = newKey(site);
  await rm(site.snapshotBegan, { force: true });
  const snapshot = fault === 'snapshot fails' ? snapshots.failing : snapshots.slow;
  const input: HeldWindowInput = {
    backup: key.backup,
    guest: key.guest,
    guestName: site.guest.name,
    host: labHost,
    snapshot,
    leaseMs: site.leaseMs,
  };
  const handle = await startWorkflow(site.client, heldWindow, input, { summary: 'drill' });
  if (snapshot === snapshots.slow) await until(() => exists(site.snapshotBegan));
  return { key, handle, release: () => {} };
}

async function strike(site: Site, open: OpenDrill, intent: Intent | null, fault: Fault): Promise<void> {
  switch (fault) {
    case 'snapshot fails':
      if (intent) await spoilTransaction(site, open);
      return;
    case 'worker killed':
      process.kill(intent!.pid, 'SIGKILL');
      return;
    case 'worker stopped':
      process.kill(intent!.pid, 'SIGSTOP');
      return;
    case 'warden killed':
      // The worst of its ends: the worker that it leaves does nothing, and holds the channel.
      process.kill(intent!.pid, 'SIGSTOP');
      process.kill((await site.processes()).pids.host!, 'SIGKILL');
      return;
    case 'agent killed':
      process.kill(intent!.pid, 'SIGKILL');
      await site.guest.shell('kill -9 $(cat /run/qemu-ga.pid)');
      return;
    case 'host stopped':
      return stopHost(site, intent!.pid);
    case 'server killed':
      process.kill((await site.processes()).pids.temporal!, 'SIGKILL');
      // The window must end without a server; what holds it open here is us.
      open.release();
      return;
    case 'workflow terminated':
      await open.handle.terminate('drill');
      return;
  }
}

/** Stops everything on the host that could thaw, as when its machine hangs: only the guest itself can thaw now. */
async function stopHost(site: Site, worker: number): Promise<void> {
  const warden = (await site.processes()).pids.host!;
  process.kill(warden, 'SIGSTOP');
  process.kill(worker, 'SIGSTOP');
  // The first file of each disk may have been on its way before the freeze.
  for (let time = 0; time < 2; time++) await Promise.all(site.guest.disks.map((disk) => site.guest.console.nextWrite(disk.name)));
  // The warden ends the worker, which is overdue, and writes down how the window ended.
  process.kill(warden, 'SIGCONT');
}

/** Takes the scratch image away behind the worker's back, so that QEMU itself refuses the transaction. */
async function spoilTransaction(site: Site, open: OpenDrill): Promise<void> {
  const monitor = await openMonitor({ path: site.guest.witness });
  try {
    await monitor.execute('blockdev-del', { 'node-name': `${objectStem(open.key.backup)}.0` });
  } finally {
    monitor.close();
  }
  open.release();
}

async function ended(site: Site, key: WindowKey): Promise<WindowOutcome> {
  let outcome: WindowOutcome | null = null;
  await until(async () => (outcome = await site.journal.outcome(key)) !== null);
  return outcome!;
}

async function statusOf(path: string): Promise<'thawed' | 'frozen'> {
  let status: 'thawed' | 'frozen' | undefined;
  await until(async () => {
    const channel = await openAgentChannel({ path }).catch(() => undefined);
    status = await channel?.execute(fsfreezeStatus, undefined);
    channel?.close();
    return status !== undefined;
  });
  return status!;
}

async function guardianActed(site: Site, key: WindowKey): Promise<GuardianReport['ended']> {
  let found: GuardianReport | undefined;
  await until(async () => {
    const reports = await ask(handleOf(site.client, thawGuardian, key), thawGuardian.queries.reports);
    return (found = reports.find((report) => report.backup === key.backup)) !== undefined;
  });
  return found!.ended;
}

/** No event reports a file, a journal entry or a report of another process, so this polls. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await isSo()); looks++) {
    if (looks === mostLooks) throw new Error('what the drill waits for did not happen within two minutes');
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

const lookMs = 50;
const mostLooks = 2_400;
