/** `npm run demo`: a consistent backup of a real guest, proven and restored, and what happens when something dies in the middle. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../lib/run.ts';
import { verifyImages } from '../infra/lab/verify.ts';
import { compareWithWriter } from '../infra/lab/writer.ts';
import { messageOf } from '../model/errors.ts';
import type { RestorePoint } from '../model/point/point.ts';
import { formatDuration } from '../model/units.ts';
import type { WindowTimes } from '../model/window/window.ts';
import { openRepository } from '../repository/points.ts';
import { drills, runDrill, type DrillReport } from './drills.ts';
import { startSite, type Site } from './site.ts';

/** What `--report` writes: programs check it, so its names stay. */
interface Report {
  window: WindowTimes;
  point: { id: string; grade: string; reasons: string[]; disks: { name: string; filesystem: string; inspection: string }[] };
  restore: { files: number; mismatches: number };
  drills: DrillReport[];
}

const usage = 'usage: npm run demo [-- --report FILE] [--address HOST:PORT] [--profile NAME]\n';
const interrupted = 130;
const cli = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

process.exit(await main());

async function main(): Promise<number> {
  const given = readArguments();
  if (given === undefined) return 2;
  const directory = await mkdtemp(join(tmpdir(), 'sf-'));
  const undo = new AsyncDisposableStack();
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const stopped = Promise.withResolvers<number>();
  process.once('SIGINT', () => {
    say('\nInterrupted: ending the guest and everything else that was started ...');
    stopped.resolve(interrupted);
  });
  try {
    return await Promise.race([runStory(directory, undo, given), stopped.promise]);
  } catch (error) {
    process.stderr.write(`demo: ${messageOf(error)}\n`);
    return 1;
  } finally {
    await undo.disposeAsync();
  }
}

interface Arguments {
  report?: string | undefined;
  /** Where a server that runs already is; the demo starts its own without either. */
  address?: string | undefined;
  profile?: string | undefined;
}

/** Undefined after a complaint. */
function readArguments(): Arguments | undefined {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({ options: { report: text, address: text, profile: text } }).values;
  } catch (error) {
    process.stderr.write(`demo: ${messageOf(error)}\n${usage}`);
    return undefined;
  }
}

async function runStory(directory: string, undo: AsyncDisposableStack, given: Arguments): Promise<number> {
  const { report: reportFile, ...server } = given;
  const isServerGiven = server.address !== undefined || server.profile !== undefined;
  say(
    'Stillframe demo: everything here is real. A QEMU guest with an ext4 and an XFS disk and our agent in it, a Temporal server.',
  );

  say('\n1. A guest whose two writers fsync files of known content, and "stillframe up" over it');
  const site = await startSite(directory, isServerGiven ? { server } : {});
  undo.defer(() => site.stop());
  say(`   guest ${site.guest.name} writes; stillframe is up after ${formatDuration(site.upMs)}`);

  say('\n2. A consistent backup');
  const acknowledged = site.guest.disks.map((disk) => site.guest.console.last(disk.name)!.seq);
  site.guest.console.mark();
  await stillframe(site, ['backup', 'run', site.guest.name, '--repository', 'main']);
  say(`   the writers' own longest stall during it: ${site.guest.console.longestStallMs()} ms`);

  say('\n3. What the restore point is worth');
  const point = await newestPoint(site);
  await stillframe(site, ['point', 'show', point.id, '--path', site.repository]);

  say('\n4. Restored, and read by another guest without any recovery');
  const target = join(directory, 'restored');
  await stillframe(site, ['restore', point.id, '--path', site.repository, '--to', target]);
  const restore = await proveRestore(site, point, target, acknowledged);

  say('\n5. Drills: something dies inside the window, and the guest must write again');
  const reports: DrillReport[] = [];
  for (const { form, fault } of drills) {
    // A server that others may use is not killed.
    if (isServerGiven && fault === 'server killed') continue;
    const drill = await runDrill(site, form, fault);
    reports.push(drill);
    const guardian = drill.guardian ? `, guardian ${drill.guardian}` : '';
    say(
      `   ${drill.name.padEnd(34)} thawed by ${drill.thawedBy.padEnd(8)} longest stall ${String(drill.longestStallMs).padStart(4)} ms, lease ${drill.leaseMs} ms, left ${drill.left}${guardian}`,
    );
  }

  const report: Report = {
    window: point.window.times,
    point: {
      id: point.id,
      grade: point.grade,
      reasons: point.reasons,
      disks: point.disks.map(({ name, filesystem, inspection }) => ({ name, filesystem, inspection: inspection.result })),
    },
    restore,
    drills: reports,
  };
  if (reportFile !== undefined) await writeFile(reportFile, `${JSON.stringify(report, null, 2)}\n`);
  return conclude(report);
}

function conclude({ point, restore, drills: reports }: Report): number {
  const frozen = reports.filter((drill) => drill.left !== 'thawed');
  const good = point.grade === 'filesystem' && restore.files > 0 && restore.mismatches === 0 && frozen.length === 0;
  say(
    good
      ? `\nDone: a ${point.grade} point, ${restore.files} files restored without a mismatch, and no guest left frozen in ${reports.length} drills.`
      : `\nNOT good: grade ${point.grade}, ${restore.mismatches} mismatches in ${restore.files} files, ${frozen.length} drills left the guest frozen.`,
  );
  return good ? 0 : 1;
}

/** e2fsck on the ext4 image, then every file as another guest's kernel reads it. */
async function proveRestore(site: Site, point: RestorePoint, target: string, acknowledged: number[]): Promise<Report['restore']> {
  const images = point.disks.map((disk, index) => ({
    path: join(target, disk.file),
    filesystem: site.guest.disks[index]!.filesystem,
  }));
  for (const image of images.filter((each) => each.filesystem === 'ext4')) {
    await run(['e2fsck', '-fn', image.path]);
    say(`   e2fsck -fn: clean (${image.path})`);
  }
  let files = 0;
  let mismatches = 0;
  for (const [index, image] of (await verifyImages(images)).entries()) {
    const disk = site.guest.disks[index]!;
    const compared = compareWithWriter(disk.name, image.files, acknowledged[index]!);
    files += compared.files;
    mismatches += compared.mismatches + compared.missing + (image.mounted ? 0 : 1);
    const how = disk.filesystem === 'ext4' ? 'ro,noload' : 'ro,norecovery';
    say(
      `   ${disk.filesystem} mounted -o ${how}: ${compared.files} files, ${compared.mismatches} mismatches, ${compared.missing} missing`,
    );
  }
  return { files, mismatches };
}

async function newestPoint(site: Site): Promise<RestorePoint> {
  const { points } = await (await openRepository(site.repository)).list();
  return points.at(-1)!;
}

/** Runs the command line as an operator would; what it prints is the story. */
async function stillframe(site: Site, args: string[]): Promise<void> {
  say(`   $ stillframe ${args.join(' ')}`);
  const env = await site.environment();
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'inherit', 'inherit'], env });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`"stillframe ${args.join(' ')}" ended with status ${code}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
