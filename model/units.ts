/** Durations and sizes as people write them, in files and on the command line. */

/** What the error for a wrong duration tells people to write. */
export const durationForm = 'a duration such as 10s, 1500ms, 2m or 1h';
/** What the error for a wrong size tells people to write. */
export const sizeForm = 'a size such as 20GiB, 256MiB or 4096B';

const durationUnits: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const sizeUnits: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Milliseconds, whole; undefined when `text` is no duration. A unit is required: a bare number leaves the reader guessing. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, durationUnits);
}

/** Bytes, whole; undefined when `text` is no size. Binary units only: disks are counted in them. */
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
