/**
 * A copy's own process: reads the exports of one point in time, hashes and inspects the images, and says how far it is. It reads what
 * guests wrote, so it gives up root first, where it has it: all its modules are loaded by then, which the user it becomes may be
 * unable to read.
 */

import { open, type FileHandle } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { setPriority } from 'node:os';
import { inspectDisk } from '../inspect/inspect.ts';
import { NotPlainError } from '../lib/plain-file.ts';
import { beginProcess } from '../lib/begin-process.ts';
import type { User } from '../lib/run.ts';
import { messageOf } from '../model/errors.ts';
import type { DiskFinding } from '../model/point/point.ts';
import { hashImage } from '../repository/hash.ts';
import { convertDisk } from './convert.ts';
import { formatReport, type CopyJob, type CopyReport } from './copy-messages.ts';
import { fileArea } from './file-area.ts';

/** The guests of the host come first: a copy takes what they leave. */
const niceness = 10;

const socket = 3;
const firstImage = 4;

beginProcess();
setPriority(niceness);
// Nothing is ever written there: its end is the end of the process that wants the copy.
process.stdin.once('close', () => process.exit(1)).resume();
await run(JSON.parse(process.argv[2]!) as CopyJob);

async function run({ disks, user }: CopyJob): Promise<void> {
  try {
    // The user it becomes cannot write there.
    flushCompileCache();
    if (user) become(user);
    const findings: DiskFinding[] = [];
    for (const [index, disk] of disks.entries()) findings.push(await copyDisk(index, disk));
    report({ kind: 'done', findings });
  } catch (error) {
    report({ kind: 'failed', message: messageOf(error) });
  }
  // A write to a pipe has been done when it returns (nodejs.org/api/process.html, "A note on process I/O").
  process.exit(0);
}

/** For good: real, effective and saved ids change, and the kernel takes every capability (capabilities(7)). */
function become({ uid, gid }: User): void {
  process.setgroups!([]);
  process.setgid!(gid);
  process.setuid!(uid);
}

async function copyDisk(index: number, { name, bytes }: CopyJob['disks'][number]): Promise<DiskFinding> {
  const image = firstImage + index;
  await convertDisk({ disk: name, socket, image }, (fraction) =>
    report({ kind: 'progress', disk: index, doneBytes: Math.round(fraction * bytes) }),
  );
  await using file = await open(`/proc/self/fd/${image}`, 'r');
  const inspection = await inspectDisk(await fileArea(file));
  return { sha256: await hashWhole(file, name, bytes), inspection };
}

async function hashWhole(file: FileHandle, name: string, bytes: number): Promise<string> {
  try {
    return await hashImage(file, bytes);
  } catch (error) {
    throw error instanceof NotPlainError ? new Error(`the image of ${name} ${error.message}`, { cause: error }) : error;
  }
}

function report(each: CopyReport): void {
  process.stdout.write(formatReport(each));
}
