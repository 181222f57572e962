/** What a lab guest boots: a kernel, and a first root with as much in it as the guest is to have. */

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildAgent } from '../agent/build.ts';
import { guestBase } from './base.ts';
import { cached } from './cache.ts';
import { newcArchive } from './newc.ts';

export interface GuestParts {
  kernel: string;
  initrd: string;
  /** Changes with the content of both. */
  key: string;
}

export interface GuestContent {
  /** Our own agent, built when it is not there yet. */
  ours: boolean;
  /** The lab's programs; without them there is a kernel and busybox, and nothing that needs a library. */
  programs: boolean;
}

export async function guestParts({ ours, programs }: GuestContent): Promise<GuestParts> {
  const base = await guestBase();
  const archives: Buffer[] = [await readFile(base.system)];
  if (programs) archives.push(await readFile(base.programs));
  if (ours) archives.push(agentArchive(await readFile(await buildAgent())));
  const hash = createHash('sha256').update(base.key);
  for (const archive of archives) hash.update(archive);
  const key = hash.digest('hex').slice(0, 16);
  // The kernel unpacks archives that follow one another (Documentation/driver-api/early-userspace/buffer-format).
  const directory = await cached(`initrd-${key}`, (into) => writeFile(join(into, 'initrd'), Buffer.concat(archives)));
  return { kernel: base.kernel, initrd: join(directory, 'initrd'), key };
}

function agentArchive(content: Buffer): Buffer {
  return newcArchive([
    { path: 'usr', kind: 'directory' },
    { path: 'usr/sbin', kind: 'directory' },
    { path: 'usr/sbin/stillframe-agent', kind: 'file', mode: 0o755, content },
  ]);
}
