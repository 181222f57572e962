/** What our own commands share: the numbers that they take, the hooks that they report. */

import type { Json } from '../../../protocol/json.ts';
import { CommandError } from '../command-error.ts';
import type { HookResult } from '../freeze/hooks.ts';

/** A whole number from 1. @throws CommandError */
export function numberOf(value: Json | undefined, name: string, most: number): number {
  if (typeof value === 'number' && value >= 1 && value <= most) return value;
  throw new CommandError(`Parameter '${name}' expects a whole number from 1 to ${most}, not ${String(value)}`);
}

export function hooksResult(hooks: readonly HookResult[]): Json[] {
  return hooks.map(({ name, outcome, detail }) => ({ name, outcome, ...(detail !== undefined && { detail }) }));
}
