/** Reading replies: required keys are required, unknown keys are ignored, wrong types and sizes are reported by name. */

import { longestText, mostEntries } from './limits.ts';
import { isJsonObject, JsonFloat, type Json, type JsonObject } from '../json.ts';

/** The peer answered, but not in the shape that its schema promises. */
export class ReplyShapeError extends Error {
  override readonly name = 'ReplyShapeError';
}

export function asObject(value: Json | undefined, name: string): JsonObject {
  if (!isJsonObject(value)) throw new ReplyShapeError(`${name} must be an object`);
  return value;
}

export function asArray(value: Json | undefined, name: string): Json[] {
  if (!Array.isArray(value)) throw new ReplyShapeError(`${name} must be an array`);
  if (value.length > mostEntries) throw new ReplyShapeError(`${name} must have at most ${mostEntries} entries`);
  return value;
}

export function asString(value: Json | undefined, name: string): string {
  const text = asData(value, name);
  if (text.length > longestText) throw new ReplyShapeError(`${name} must have at most ${longestText} characters`);
  return text;
}

/** A string as long as the reply may be. */
export function asData(value: Json | undefined, name: string): string {
  if (typeof value !== 'string') throw new ReplyShapeError(`${name} must be a string`);
  return value;
}

export function asBoolean(value: Json | undefined, name: string): boolean {
  if (typeof value !== 'boolean') throw new ReplyShapeError(`${name} must be true or false`);
  return value;
}

/** A count that fits a number: nothing that we count comes near 2^53. */
export function asCount(value: Json | undefined, name: string): number {
  if (typeof value !== 'number' || value < 0) throw new ReplyShapeError(`${name} must be a whole number from 0`);
  return value;
}

/** A whole number of 64 bits: nanoseconds and byte counts go beyond what a number holds exactly. */
export function asInteger(value: Json | undefined, name: string): bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new ReplyShapeError(`${name} must be a whole number`);
  return BigInt(value);
}

/** A number with or without a fraction. */
export function asNumber(value: Json | undefined, name: string): number {
  if (value instanceof JsonFloat) return value.value;
  return Number(asInteger(value, name));
}

/** For commands that answer `{}`. */
export const nothing = (value: Json) => void asObject(value, 'return');

export function optional<T>(value: Json | undefined, name: string, read: (value: Json, name: string) => T): T | undefined {
  return value === undefined ? undefined : read(value, name);
}

/** Commands that take no arguments. */
export const noArguments = () => undefined;
