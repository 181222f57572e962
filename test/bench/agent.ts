/** Our agent beside stock qemu-ga, on this machine and in one guest: one row for each thing that somebody pays for. */

import { rm } from 'node:fs/promises';
import { compareInGuest } from './agent-guest.ts';
import { compareOnHost } from './agent-host.ts';
import type { AgentRow } from './interleaved.ts';
import { round2 } from './quantiles.ts';
import type { BenchOptions } from './options.ts';
import { makeFolder } from '../support/folder.ts';

export interface AgentReport {
  rows: AgentRow[];
}

export async function benchAgent(options: BenchOptions): Promise<AgentReport> {
  const directory = await makeFolder();
  try {
    const rows = [...(await compareOnHost(directory, options)), ...(await compareInGuest(directory, options))];
    const width = Math.max(...rows.map((row) => row.name.length));
    options.say(`${''.padEnd(width)}  ${'ours'.padStart(10)}  ${'qemu-ga'.padStart(10)}  ratio`);
    for (const { name, unit, ours, qemuGa, better } of rows) {
      const isBehind = better === 'lower' ? ours > qemuGa : ours < qemuGa;
      const ratio = qemuGa === 0 ? '-' : String(round2(ours / qemuGa));
      options.say(
        `${name.padEnd(width)}  ${String(ours).padStart(10)}  ${String(qemuGa).padStart(10)}  ${ratio.padStart(5)}  ${unit}${isBehind ? ', behind' : ''}`,
      );
    }
    return { rows };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
