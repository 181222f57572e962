/** Processes of a site that should have ended: a second one of a kind, and copies, of which none may run between backups. */

import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** By their command lines, which name the site's directory; a copy child's does not, but it has files of the site open. */
const kinds = /workers\/\w+\.ts|secluded-server\.ts|server start-dev/;

/** `kind (pid)` each. To be asked when no backup runs. */
export async function strayProcesses(directory: string): Promise<string[]> {
  const seen = new Set<string>();
  const stray: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).replaceAll('\0', ' ');
    if (words.includes('copy-child') && (await hasOpen(pid, directory))) stray.push(`copy child (${pid})`);
    const kind = words.includes(`${directory}/state`) ? kinds.exec(words)?.[0] : undefined;
    if (kind === undefined) continue;
    if (seen.has(kind)) stray.push(`a second ${kind} (${pid})`);
    seen.add(kind);
  }
  return stray;
}

async function hasOpen(pid: string, directory: string): Promise<boolean> {
  for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => []))
    if ((await readlink(join('/proc', pid, 'fd', descriptor)).catch(() => '')).startsWith(`${directory}/`)) return true;
  return false;
}
