/** What must hold after faults: each guest writes and runs, nothing of ours is left, the next backup succeeds, points hold what they claim. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openMonitor } from '../../../host/channel/monitor.ts';
import { compareWithWriter } from '../../../infra/lab/writer.ts';
import { verifyImages } from '../../../infra/lab/verify.ts';
import { guestId } from '../../../model/ids.ts';
import { guestCommand } from '../../../model/workflows/guest-command.ts';
import { startWorkflow } from '../../../client/workflows.ts';
import { backupId } from '../../../model/ids.ts';
import { openRepository } from '../../../repository/points.ts';
import { leftBehind } from '../left-behind.ts';
import { eventually, within } from './bounded.ts';
import { strayProcesses } from './stray-processes.ts';
import { campaignHost, type CampaignGuest, type CampaignSite } from './site.ts';

/** The lease, whatever comes after it, and a machine under load: a guest that writes no more after this is frozen. */
const writesAgainMs = 60_000;
/** The promise to operators. */
export const leftoverMs = 60_000;
const wholeMs = 120_000;
/** A guest boots and hashes in 10 s, and in 30 on a machine that is ten times as busy as it should be. */
const verifyMs = 300_000;
/** QEMU answers at once, or never. */
const answerMs = 30_000;

/** Resolves when workflows reach every guest again, through server, worker and agent. */
export async function whole(site: CampaignSite): Promise<void> {
  await Promise.all(
    site.guests.map(({ guest }, index) =>
      eventually(wholeMs, `a ping of ${guest.name}`, async () => {
        const backup = backupId(`ping-${Date.now()}-${index}`);
        const input = { guest: guestId(guest.uuid), host: campaignHost, command: 'ping', backup } as const;
        const handle = await startWorkflow(site.client, guestCommand, input, { summary: 'campaign' });
        await handle.result();
        return true;
      }),
    ),
  );
}

/** Null when it writes on all of its disks; else what is wrong. */
export async function stillWrites({ guest }: CampaignGuest): Promise<string | null> {
  try {
    await within(writesAgainMs, 'a write', Promise.all(guest.disks.map(({ name }) => guest.console.nextWrite(name))));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** QEMU's run state. */
export async function runState({ guest }: CampaignGuest): Promise<string> {
  return within(answerMs, `the answer of the monitor of ${guest.name}`, askRunState(guest.witness));
}

async function askRunState(path: string): Promise<string> {
  const monitor = await openMonitor({ path });
  try {
    return ((await monitor.execute('query-status')) as { status: string }).status;
  } finally {
    monitor.close();
  }
}

/** What is left when a minute is over, and how many milliseconds it took until nothing was. */
export async function leftovers(site: CampaignSite): Promise<{ left: string[]; ms: number }> {
  const startedMs = performance.now();
  let left: string[] = [];
  try {
    await eventually(leftoverMs, 'a clean site', async () => {
      left = await allLeft(site);
      return left.length === 0 || undefined;
    });
  } catch {
    // What it was is in `left`.
  }
  return { left, ms: performance.now() - startedMs };
}

async function allLeft(site: CampaignSite): Promise<string[]> {
  const { intents, damaged } = await site.journal.openIntents();
  const owed = [...intents, ...damaged].map(({ guest }) => `a thaw owed to ${guest}`);
  const left = await Promise.all(
    site.guests.map(({ guest }) => leftBehind(site.directory, { guest, repository: site.repository })),
  );
  const found = [...new Set([...owed, ...left.flat()])];
  return found.length > 0 ? found : strayProcesses(site.directory);
}

export interface VerifiedPoint {
  id: string;
  grade: string;
  /** Null when it holds what it claims. */
  problem: string | null;
}

/** A guest hashes a disk in seconds: of a round, these are enough to take each phase in turn. */
const mostPoints = 5;

/**
 * Holds points that claim a freeze, those whose backup was struck first, against what the writers had reported before, and removes all points but
 * false ones. `acknowledged`: by backup, in the order in which they began, by disk.
 */
export async function verifyPoints(
  site: CampaignSite,
  acknowledged: ReadonlyMap<string, ReadonlyMap<string, number>>,
): Promise<VerifiedPoint[]> {
  const { points, damaged } = await (await openRepository(site.repository)).list();
  const verified: VerifiedPoint[] = damaged.map(({ id, problem }) => ({ id, grade: 'unknown', problem }));
  const order = [...acknowledged.keys()];
  const claimed = points.filter(({ grade }) => grade === 'filesystem' || grade === 'application');
  const some = claimed.toSorted((one, other) => order.indexOf(one.id) - order.indexOf(other.id)).slice(0, mostPoints);
  if (some.length > 0) {
    const disks = some.flatMap((point) =>
      point.disks.map((disk, index) => ({ point, index, path: join(site.repository, 'points', point.id, disk.file) })),
    );
    const images = await within(
      verifyMs,
      'the look at the images',
      verifyImages(disks.map(({ path, index }) => ({ path, filesystem: ['ext4', 'xfs'][index]! }))),
    );
    for (const point of some) {
      const problems = disks.flatMap((disk, index) => {
        if (disk.point !== point) return [];
        const { mounted, files } = images[index]!;
        const name = `disk${disk.index}`;
        if (!mounted) return [`${name} cannot be mounted`];
        const { mismatches, missing } = compareWithWriter(name, files, acknowledged.get(point.id)?.get(name) ?? 0);
        return mismatches + missing === 0 ? [] : [`${name}: ${mismatches} files differ, ${missing} are missing`];
      });
      verified.push({ id: point.id, grade: point.grade, problem: problems.length === 0 ? null : problems.join('; ') });
    }
  }
  const kept = new Set(verified.filter(({ problem }) => problem !== null).map(({ id }) => id));
  for (const { id } of points) if (!kept.has(id)) await rm(join(site.repository, 'points', id), { recursive: true });
  return verified;
}
