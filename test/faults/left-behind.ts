/** What Stillframe has inside a guest's QEMU, in scratch, in its records and in a repository besides points. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Site } from '../../demo/site.ts';
import { openMonitor } from '../../host/channel/monitor.ts';
import { namesIn } from '../../lib/durable.ts';

/** Our jobs, nodes and exports, and names of files. `directory`: that of the site. */
export async function leftBehind(directory: string, site: Pick<Site, 'guest' | 'repository'>): Promise<string[]> {
  const monitor = await openMonitor({ path: site.guest.witness });
  try {
    const [jobs, nodes, exports] = (await Promise.all([
      monitor.execute('query-jobs'),
      monitor.execute('query-named-block-nodes', { flat: true }),
      monitor.execute('query-block-exports'),
    ])) as [{ id: string }[], { 'node-name': string }[], { id: string }[]];
    const names = [...jobs.map((job) => job.id), ...nodes.map((node) => node['node-name']), ...exports.map((each) => each.id)];
    const records = ['points-in-time', 'sessions'].map((name) => namesIn(join(directory, 'state', name)));
    const files = await Promise.all([readdir(join(directory, 'scratch')), readdir(join(site.repository, 'tmp')), ...records]);
    return [...names.filter((name) => name.startsWith('sf.')), ...files.flat()];
  } finally {
    monitor.close();
  }
}

/** The promise to operators. */
const promisedMs = 60_000;

/** What is still left when a minute is over. */
export async function leftAfterAMinute(directory: string, site: Site): Promise<string[]> {
  const untilMs = performance.now() + promisedMs;
  for (;;) {
    const left = await leftBehind(directory, site);
    if (left.length === 0 || performance.now() > untilMs) return left;
    await delay(250);
  }
}
