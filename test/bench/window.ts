/** Our window beside a bare socket script on the same guest, and what `up` costs. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAgent } from '../../host/channel/agent-channel.ts';
import { createQemuDriver } from '../../host/drivers/qemu/driver.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { createWindows } from '../../host/window/windows.ts';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { newBackup } from './backup-id.ts';
import { bareWindow } from './bare-window.ts';
import { quantiles, round2, type Quantiles } from './quantiles.ts';
import type { BenchOptions } from './options.ts';
import { measureUp, type UpReport } from './up.ts';
import { guestId, hostId } from '../../model/ids.ts';
import { makeFolder } from '../support/folder.ts';

export interface WindowReport extends UpReport {
  /** First byte of the freeze → reply to the thaw. */
  ours: Quantiles;
  bare: Quantiles;
  /** Of the medians. */
  ratio: number;
  rounds: number;
}

export async function benchWindow(options: BenchOptions): Promise<WindowReport> {
  const directory = await makeFolder();
  try {
    const windows = await compareWindows(directory, options);
    return { ...windows, ...(await measureUp(directory, options)) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function compareWindows(directory: string, { rounds, signal, say }: BenchOptions) {
  const guest = await startGuest({ directory, name: 'bench' });
  try {
    const windows = { ours: ourWindow(guest, directory), bare: () => bareWindow(guest, join(directory, 'bare')) };
    const held = { ours: [] as number[], bare: [] as number[] };
    // One of each that does not count: code is loaded and caches are warm for both alike.
    await windows.ours();
    await windows.bare();
    for (let round = 0; round < rounds; round++) {
      for (const who of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
        signal.throwIfAborted();
        await Promise.all(guest.disks.map((disk) => guest.console.nextWrite(disk.name)));
        held[who].push(await windows[who]());
      }
    }
    const [ours, bare] = [quantiles(held.ours), quantiles(held.bare)];
    const ratio = round2(ours.medianMs / bare.medianMs);
    say(`held time, ${rounds} rounds each on one guest whose writers run:`);
    say(`  our window          median ${ours.medianMs} ms, p95 ${ours.p95Ms} ms`);
    say(`  bare socket script  median ${bare.medianMs} ms, p95 ${bare.p95Ms} ms`);
    say(`  ratio of medians    ${ratio}`);
    return { ours, bare, ratio, rounds };
  } finally {
    await guest.stop();
  }
}

/** A window as the host worker runs it, journal and all, without the server that asks for it. Returns its held time. */
function ourWindow(guest: LabGuest, directory: string): () => Promise<number> {
  const { name, channel, monitor } = guest;
  const config = {
    host: hostId('bench'),
    guests: [{ kind: 'listed' as const, name, id: undefined, channel, monitor, carries: [] }],
    limits: { leaseMs: 10_000, leaseCapMs: 10_000, gapMs: 0, perHour: 0 },
    scratch: { path: join(directory, 'scratch'), limitBytes: undefined, marginBytes: 2 ** 20 },
    repositories: {},
    snapshots: {},
  };
  const log = () => {};
  const stateDir = join(directory, 'bench-state');
  const driver = createQemuDriver({ config, stateDir, log });
  const windows = createWindows({
    driver,
    journal: openJournal({ stateDir }),
    config,
    connect: connectAgent,
    log,
  });
  return async () => {
    const outcome = await windows.freezeWindow({ guest: guestId(guest.uuid), backup: newBackup(), attempt: 1 });
    await driver.pointInTime.end(guestId(guest.uuid), { backup: outcome.backup });
    if (outcome.failure || outcome.reasons.length > 0) throw new Error(`a window was not clean: ${JSON.stringify(outcome)}`);
    return outcome.times.heldMs!;
  };
}
