/** Wraps system-call errors as command errors, "<what failed>: <errno text>", or turns them into undefined. */

import { CommandError } from '../command-error.ts';
import { SystemError } from '../platform.ts';

/** @throws CommandError `what: reason` for a SystemError */
export function asCommandError<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemError) throw new CommandError(`${what}: ${error.message}`);
    throw error;
  }
}

/** Undefined when the call fails: for facilities that a guest may lack. */
export function orUndefined<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** A C string ends at a NUL: the kernel would open or run another name than the one requested. @throws CommandError */
export function withoutNul(name: string, text: string): string {
  if (text.includes('\0')) throw new CommandError(`Parameter '${name}' contains a NUL character`);
  return text;
}
