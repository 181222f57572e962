/** Two agents measured by turns, so that what else the machine does meets both. */

import { median } from './quantiles.ts';
import type { BenchOptions } from './options.ts';

export interface AgentRow {
  name: string;
  unit: string;
  ours: number;
  qemuGa: number;
  better: 'lower' | 'higher';
}

export type Who = 'ours' | 'qemuGa';

/** Measures each in every round, by turns first; medians. One round before that does not count. */
export async function interleaved(
  { rounds, signal }: BenchOptions,
  measure: (who: Who) => Promise<number>,
): Promise<Record<Who, number>> {
  const taken: Record<Who, number[]> = { ours: [], qemuGa: [] };
  for (let round = -1; round < rounds; round++) {
    for (const who of round % 2 === 0 ? (['ours', 'qemuGa'] as const) : (['qemuGa', 'ours'] as const)) {
      signal.throwIfAborted();
      const figure = await measure(who);
      if (round >= 0) taken[who].push(figure);
    }
  }
  return { ours: median(taken.ours), qemuGa: median(taken.qemuGa) };
}
