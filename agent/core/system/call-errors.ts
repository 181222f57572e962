/** System calls on behalf of a command: what fails is reported in the command's words, with the kernel's reason behind them, or not at all. */

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

/** Undefined when the call fails: for what a guest may lack. */
export function orUndefined<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** A C string ends at a NUL: what would be opened or run is not what was asked for. @throws CommandError */
export function withoutNul(name: string, text: string): string {
  if (text.includes('\0')) throw new CommandError(`Parameter '${name}' contains a NUL character`);
  return text;
}
