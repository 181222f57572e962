/** What of many measurements is told. */

export interface Quantiles {
  medianMs: number;
  p95Ms: number;
}

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((one, other) => one - other);
  return { medianMs: median(values), p95Ms: round2(sorted[Math.ceil(0.95 * sorted.length) - 1]!) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const half = sorted.length / 2;
  return round2((sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2);
}

/** More digits than that are noise. */
export function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
