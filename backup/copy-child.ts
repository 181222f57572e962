/** A copy's own process: reads the exports of one point in time, hashes and inspects the images, and says how far it is. */

import { setPriority } from 'node:os';
import { join } from 'node:path';
import { convertDisk } from './convert.ts';
import { withFileArea } from './file-area.ts';
import { NotPlainError } from '../lib/plain-file.ts';
import { StillframeError, messageOf, type ErrorCode, type Facts } from '../model/errors.ts';
import type { DiskProgress, PointDisk } from '../model/point/point.ts';
import type { CapturedDisk } from '../model/window/window.ts';
import { inspectDisk } from '../inspect/inspect.ts';
import { hashImage } from '../repository/hash.ts';
import { keepFilesPrivate } from '../lib/private-files.ts';

keepFilesPrivate();

export interface CopyJob {
  directory: string;
  disks: (CapturedDisk & { uri: string })[];
}

export type CopyMessage =
  | { kind: 'progress'; progress: DiskProgress }
  | { kind: 'done'; disks: PointDisk[] }
  | { kind: 'failed'; code: ErrorCode; message: string; facts: Facts };

/** The guests of the host come first: a copy takes what they leave. */
const niceness = 10;

setPriority(niceness);
const lostParent = new AbortController();
process.once('disconnect', () => {
  lostParent.abort();
  process.exit(1);
});
process.once('message', (job: CopyJob) => void run(job));

async function run(job: CopyJob): Promise<void> {
  try {
    report({ kind: 'done', disks: await copyAll(job) });
  } catch (error) {
    const what = error instanceof NotPlainError ? `an image in ${job.directory} ${error.message}` : messageOf(error);
    const known = error instanceof StillframeError ? error : new StillframeError('copy-failed', what);
    report({ kind: 'failed', code: known.code, message: known.message, facts: known.facts });
  }
}

async function copyAll({ directory, disks }: CopyJob): Promise<PointDisk[]> {
  const totalBytes = disks.reduce((sum, disk) => sum + disk.bytes, 0);
  const copied: PointDisk[] = [];
  let before = 0;
  for (const { uri, ...disk } of disks) {
    const file = `${disk.name}.raw`;
    const path = join(directory, file);
    const onFraction = (fraction: number) =>
      report({
        kind: 'progress',
        progress: { disk: disk.name, doneBytes: before + Math.round(fraction * disk.bytes), totalBytes },
      });
    await convertDisk(uri, path, { signal: lostParent.signal, onFraction });
    const inspection = await withFileArea(path, (area) => inspectDisk(area));
    const filesystem = inspection.filesystems.map((each) => each.type).join('+') || 'none';
    copied.push({ ...disk, file, sha256: await hashImage(path, disk.bytes), filesystem, inspection });
    before += disk.bytes;
  }
  return copied;
}

function report(message: CopyMessage): void {
  process.send?.(message);
}
