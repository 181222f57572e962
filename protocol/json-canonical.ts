/** The short way for the text that nearly every peer sends: the engine's own parser, where it is sure to read the same value as our parser. */

import type { Json } from './json.ts';

/**
 * The value of an ASCII text without escapes, or undefined where only our own parser can decide: JSON.parse takes the last of two equal keys and
 * one number for another (`1.0`, 2^53 + 1). What it writes back as it was read, spaces apart, was neither.
 */
export function parseCanonical(text: string, deepest: number): Json | undefined {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  if (!isExact(value, deepest)) return undefined;
  const written = JSON.stringify(value);
  return written === text || written.replaceAll(' ', '') === text.replaceAll(' ', '') ? value : undefined;
}

/** `deeper`: how many levels there may be. */
function isExact(value: Json, deeper: number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || value === null) return true;
  if (deeper === 0) return false;
  for (const member of Object.values(value)) if (!isExact(member as Json, deeper - 1)) return false;
  return true;
}
