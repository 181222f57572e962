/** The process of a guest's QEMU, by the socket of its monitor: its command line, and the files that it has open. */

import { open, readdir, readlink } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { openPlain } from '../../../lib/plain-file.ts';
import { run } from '../../../lib/run.ts';

/** It goes through the descriptors of all processes of the host. */
const listMs = 2_000;

/** Hundreds of disks and NICs fill some 64 KiB. */
const longestCommandLine = 512 * 2 ** 10;

/** Who listens on a socket: only sock_diag(7) knows, and ss(8) asks it. Null where this user may not know. */
export async function processAt(socket: string): Promise<number | null> {
  const lines = (await run(['ss', '-xlpH'], { signal: AbortSignal.timeout(listMs) })).split('\n');
  const line = lines.find((each) => each.split(/\s+/)[4] === socket);
  const pid = /pid=(\d+)/.exec(line ?? '')?.[1];
  return pid === undefined ? null : Number(pid);
}

/** Null when it has ended, or is longer than it may be. */
export async function commandLineOf(pid: number): Promise<string[] | null> {
  try {
    await using file = await open(`/proc/${pid}/cmdline`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(longestCommandLine));
    if (bytesRead === 0 || bytesRead === longestCommandLine) return null;
    return buffer.toString('utf8', 0, bytesRead).replace(/\0$/, '').split('\0');
  } catch {
    return null;
  }
}

/**
 * The content of a file that the process holds open itself; null where it does not, or the file is not plain or has more than `most` bytes. QEMU says
 * which file it is, and a hostile one would name another: a file that it has opened holds nothing that it could not read.
 */
export async function readOpenFile(pid: number, path: string, most: number): Promise<Buffer | null> {
  const descriptors = join('/proc', String(pid), 'fd');
  try {
    const full = isAbsolute(path) ? path : join(await readlink(`/proc/${pid}/cwd`), path);
    for (const name of await readdir(descriptors)) {
      const link = join(descriptors, name);
      if ((await readlink(link).catch(() => null)) !== full) continue;
      // As QEMU sees it, in its own view of the filesystem; a link in the place of the file is not followed.
      await using file = await openPlain(join('/proc', String(pid), 'root', full));
      await using held = await open(link, 'r');
      const [there, opened] = [await file.stat({ bigint: true }), await held.stat({ bigint: true })];
      if (there.dev !== opened.dev || there.ino !== opened.ino || there.size > BigInt(most)) return null;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Number(there.size)), 0, Number(there.size), 0);
      return bytesRead === buffer.length ? buffer : null;
    }
    return null;
  } catch {
    return null;
  }
}
