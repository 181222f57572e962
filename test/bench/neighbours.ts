/** What hostile guests cost a good one on the same host: its held time beside them and alone, by turns in one process. */

import { rm } from 'node:fs/promises';
import { connectAgent } from '../../host/channel/agent-channel.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { createWindows, type Windows } from '../../host/window/windows.ts';
import { guestId } from '../../model/ids.ts';
import { startAgentsApart } from '../fakes/agents-apart.ts';
import { createFakeDriver } from '../fakes/fake-driver.ts';
import { makeFolder } from '../support/folder.ts';
import { openNeighbour } from '../support/neighbour.ts';
import { newBackup } from './backup-id.ts';
import type { BenchOptions } from './options.ts';
import { quantiles, round2, type Quantiles } from './quantiles.ts';

interface Side extends Quantiles {
  windows: number;
}

export interface NeighboursReport {
  /** First byte of the freeze → reply to the thaw. */
  alone: Side;
  beside: Side;
  hostileGuests: number;
  /** Of the medians. */
  ratio: number;
  rounds: number;
}

/** Alone; beside the others as many as fit until each of those has flooded twice. */
const windowsARound = 10;

export async function benchNeighbours({ rounds, signal, say }: BenchOptions): Promise<NeighboursReport> {
  await using undo = new AsyncDisposableStack();
  const good = await startAgentsApart('good');
  undo.defer(() => good.stop());
  const hostile = await startAgentsApart('hostile');
  undo.defer(() => hostile.stop());
  const directory = await makeFolder();
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const windows = goodGuest(good.paths[0]!, directory);
  const [alone, beside] = [createSide(windows), createSide(windows)];

  // One that does not count: code is loaded and caches are warm for both alike.
  await createSide(windows).take();
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    for (let n = 0; n < windowsARound; n++) await alone.take();
    const neighbours = await Promise.all(hostile.paths.map((path, n) => openNeighbour(`hostile${n}`, path)));
    try {
      let over = false;
      const flooded = Promise.all(neighbours.map(({ refused }) => refused)).finally(() => (over = true));
      flooded.catch(() => {});
      while (!over) await beside.take();
      await flooded;
    } finally {
      await Promise.all(neighbours.map((neighbour) => neighbour.close()));
    }
  }

  const report = { alone: alone.report(), beside: beside.report() };
  const ratio = round2(report.beside.medianMs / report.alone.medianMs);
  say(`held time of a good guest, ${rounds} rounds, by turns:`);
  for (const [name, side] of Object.entries(report)) say(`  ${name.padEnd(7)} median ${side.medianMs} ms, p95 ${side.p95Ms} ms`);
  say(`  ratio of medians beside ${hostile.paths.length} hostile guests: ${ratio}`);
  return { ...report, hostileGuests: hostile.paths.length, ratio, rounds };
}

function goodGuest(path: string, directory: string): Windows {
  return createWindows({
    driver: createFakeDriver({ id: guest, name: 'good', channel: { kind: 'socket', path }, carries: [] }),
    journal: openJournal({ stateDir: directory }),
    config: { limits: { leaseMs: 10_000, leaseCapMs: 10_000, gapMs: 0, perHour: 0 }, snapshots: {} },
    connect: connectAgent,
    log: () => {},
  });
}

const guest = guestId('good');

function createSide(windows: Windows) {
  const held: number[] = [];
  return {
    async take(): Promise<void> {
      const outcome = await windows.freezeWindow({ guest, backup: newBackup(), attempt: 1 });
      if (outcome.failure || outcome.reasons.length > 0) throw new Error(`a window was not clean: ${JSON.stringify(outcome)}`);
      held.push(outcome.times.heldMs!);
    },
    report: (): Side => ({ ...quantiles(held), windows: held.length }),
  };
}
