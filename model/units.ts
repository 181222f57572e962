/** Durations and sizes as people write them in files and on the command line, and as they read them everywhere. */

/** How to write a duration, for the error about a wrong one. */
export const durationForm = 'a duration such as 10s, 1500ms, 2m or 1h';
/** How to write a size, for the error about a wrong one. */
export const sizeForm = 'a size such as 20GiB, 256MiB or 4096B';

const durationUnits: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const sizeUnits: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50 };

/** Milliseconds, whole; undefined when `text` is not a duration. A unit is required: a bare number leaves the reader guessing. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, durationUnits);
}

/** Bytes, whole; undefined when `text` is not a size. Binary units only: disks are counted in them. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, sizeUnits);
}

function parseQuantity(text: string, units: Record<string, number>): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (digits === undefined || factor === undefined) return undefined;
  const value = Number(digits) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `1.5 GiB` */
export function formatBytes(bytes: number): string {
  // What would be rounded to 1024 of a unit is one of the next.
  const [unit, factor] = Object.entries(sizeUnits).findLast(([, each]) => bytes >= each * (1 - 0.05 / 1024)) ?? ['B', 1];
  return factor === 1 ? `${bytes} B` : `${(bytes / factor).toFixed(1)} ${unit}`;
}

/** A bound as people read it: rounded up to the last digit that is shown, so that it stays one. */
export function formatUpperBound(ms: number): string {
  const digit = ms < 1_000 ? 1 : ms < 59_900 ? 100 : ms < 3_599_000 ? 1_000 : 60_000;
  return `at most ${formatDuration(Math.ceil(ms / digit) * digit)}`;
}

/** `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min` */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${two(Math.floor((seconds % 3_600) / 60))} min`;
}
