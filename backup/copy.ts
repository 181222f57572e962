/** Runs the copy of one point in time in a child process: containment for its memory, its crash, its end and its rights. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { PointExports } from '../host/drivers/driver.ts';
import { escapeError } from '../lib/escape.ts';
import type { Log } from '../lib/log.ts';
import { StillframeError } from '../model/errors.ts';
import type { DiskFinding, DiskProgress, PointDisk } from '../model/point/point.ts';
import { readReports, type CopyJob, type CopyReport } from './copy-messages.ts';
import { makeImages } from './images.ts';
import { watchMovement } from './movement.ts';

const entry = fileURLToPath(new URL('./copy-child.ts', import.meta.url));

/** Characters of its standard error that are kept: the place of a crash. */
const longestComplaint = 600;

export interface Copy extends Pick<PointExports, 'disks' | 'socket' | 'reader'> {
  /** The session of the repository, empty: the images are made in it. */
  directory: string;
  /** The repository, as the log names it. */
  repository: string;
}

/** The child ends with the promise: done, failed, aborted, or with this process (its standard input closes). @throws copy-failed, repository-unwritable */
export type RunCopy = (copy: Copy, signal: AbortSignal, onProgress: (progress: DiskProgress) => void) => Promise<PointDisk[]>;

export function createCopies(log: Log): RunCopy {
  const said = new Set<string>();
  /** One line a repository, and not a line a backup. */
  const sayOnce = (repository: string) => {
    if (said.has(repository)) return;
    said.add(repository);
    log(
      'warn',
      'the filesystem of the repository does not let another user open what this one made, so copies into it run as this user, and not as the user of scratch',
      { repository },
    );
  };

  return async ({ directory, repository, disks: captured, socket, reader }, signal, onProgress) => {
    const disks = captured.map((disk) => ({ ...disk, file: `${disk.name}.raw` }));
    await using images = await makeImages(directory, disks);
    const isLent = reader !== null && (await images.lend(reader));
    if (reader && !isLent) sayOnce(repository);
    const job = { disks: captured.map(({ name, bytes }) => ({ name, bytes })), user: isLent ? reader : null };
    const findings = await runChild(job, [socket, ...images.descriptors], signal, (progress) =>
      onProgress(progressOf(captured, progress)),
    );
    await images.demandSizes();
    return disks.map((disk, index) => pointDisk(disk, findings[index]!));
  };
}

function pointDisk(disk: Pick<PointDisk, 'name' | 'device' | 'bytes' | 'file'>, { sha256, inspection }: DiskFinding): PointDisk {
  const filesystem = inspection.filesystems.map((each) => each.type).join('+') || 'none';
  return { ...disk, sha256, filesystem, inspection };
}

type Progress = Extract<CopyReport, { kind: 'progress' }>;

function progressOf(disks: Copy['disks'], { disk: index, doneBytes }: Progress): DiskProgress {
  const sum = (some: Copy['disks']) => some.reduce((bytes, disk) => bytes + disk.bytes, 0);
  const { name, bytes } = disks[index]!;
  return { disk: name, doneBytes: sum(disks.slice(0, index)) + Math.min(doneBytes, bytes), totalBytes: sum(disks) };
}

async function runChild(
  job: CopyJob,
  descriptors: readonly number[],
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<DiskFinding[]> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<DiskFinding[]>();
  // The kernel ends it with this process, unless it becomes another user, which clears that (prctl(2)): then its standard input does.
  // It may have been started as root: neither it nor what it starts gets privileges by a set-user-ID program.
  const argv = ['--pdeathsig', 'KILL', '--no-new-privs', '--', process.execPath, ...process.execArgv, entry, JSON.stringify(job)];
  // Nothing of this process's environment but where programs are, and where Node keeps the code that it has compiled.
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE };
  const child = spawn('setpriv', argv, { env, stdio: ['pipe', 'pipe', 'pipe', ...descriptors] });
  const stop = () => reject(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  let findings: DiskFinding[] | undefined;
  let complaint = '';
  const take = (report: CopyReport) => {
    if (report.kind === 'failed') throw new StillframeError('copy-failed', escapeError(report.message));
    if (report.kind === 'done') findings = demandEach(job.disks, report.findings);
    else if (report.disk < job.disks.length) onProgress(report);
  };
  const read = readReports(job.disks.length);
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    try {
      read(piece).forEach(take);
    } catch (error) {
      reject(error as Error);
    }
  });
  // A process that has no descriptors left gets no streams either, only 'error' (EMFILE).
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    complaint = (complaint + piece).slice(0, longestComplaint);
  });
  child.once('error', reject);
  // Its standard output has been read to the end by now, and it cannot write into the images any more.
  child.once('close', (status, killedBy) =>
    findings ? resolve(findings) : reject(ended(killedBy ?? `status ${status}`, complaint)),
  );
  const unwatch = child.pid === undefined ? () => {} : watchMovement(child.pid, reject);
  try {
    return await promise;
  } finally {
    unwatch();
    signal.removeEventListener('abort', stop);
    child.kill('SIGKILL');
  }
}

function demandEach(disks: CopyJob['disks'], findings: DiskFinding[]): DiskFinding[] {
  if (findings.length === disks.length) return findings;
  throw new StillframeError(
    'copy-failed',
    `the process of the copy reported ${findings.length} disks of ${disks.length}: run the backup again`,
  );
}

function ended(how: string, complaint: string): StillframeError {
  const said = complaint.trim() === '' ? '' : ` and said: ${escapeError(complaint.trim())}`;
  return new StillframeError('copy-failed', `the process of the copy ended with ${how}${said}`);
}
