/** Checks arguments against what a command takes, in qemu-ga's order and words: missing and wrong ones in the order of the schema, then unknown ones. */

import { JsonFloat, type Json, type JsonObject } from '../../protocol/json.ts';
import type { Command, Parameter } from './command.ts';
import { CommandError } from './command-error.ts';

/** @throws CommandError */
export function checkArguments(takes: Command['takes'], args: JsonObject): void {
  let given = 0;
  for (const name in takes) {
    const parameter = takes[name]!;
    const value = args[name];
    if (value !== undefined) {
      check(name, parameter, value);
      given++;
    } else if (!parameter.optional) throw new CommandError(`Parameter '${name}' is missing`);
  }
  if (Object.keys(args).length === given) return;
  for (const name in args) {
    if (!Object.hasOwn(takes, name)) throw new CommandError(`Parameter '${name}' is unexpected`);
  }
}

function check(name: string, parameter: Parameter, value: Json): void {
  switch (parameter.type) {
    case 'integer':
      return expect(isInteger(value), name, 'integer');
    case 'uint64':
      if (typeof value !== 'number' && typeof value !== 'bigint') throw new CommandError(`Parameter '${name}' expects uint64`);
      return;
    case 'string':
      return expect(typeof value === 'string', name, 'string');
    case 'boolean':
      return expect(typeof value === 'boolean', name, 'boolean');
    case 'strings':
      expect(Array.isArray(value), name, 'array');
      return (value as Json[]).forEach((each, index) => expect(typeof each === 'string', `${name}[${index}]`, 'string'));
    case 'enum':
      expect(typeof value === 'string', name, 'string');
      return expectWord(value as string, name, parameter.words);
    case 'alternate':
      if (typeof value === 'string') return expectWord(value, name, parameter.words);
      if (parameter.scalar === 'boolean') return expect(typeof value === 'boolean', name, parameter.name);
      // A number of any kind selects the integer alternative, and is then refused when it is not an integer.
      return expect(isInteger(value), name, isNumber(value) ? 'integer' : parameter.name);
  }
}

function expect(holds: boolean, name: string, expected: string): void {
  if (!holds) throw new CommandError(`Invalid parameter type for '${name}', expected: ${expected}`);
}

function expectWord(value: string, name: string, words: readonly string[]): void {
  if (!words.includes(value)) throw new CommandError(`Parameter '${name}' does not accept value '${value}'`);
}

const isNumber = (value: Json) => typeof value === 'bigint' || value instanceof JsonFloat;

/** The lexer has separated integers from floats; only the range of int64 is left to check. */
function isInteger(value: Json): boolean {
  return typeof value === 'number' || (typeof value === 'bigint' && value >= -(2n ** 63n) && value < 2n ** 63n);
}
