/** The shape of a command as the agent has it: what it takes, when it is allowed, what it does. One file each under commands/. */

import type { Json, JsonObject } from '../../protocol/json.ts';
import type { Agent } from './agent.ts';

/** Bytes that leave as base64 without ever becoming a JavaScript string; allowed as a member of what a command returns. */
export class Base64 {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export type Result = Json | { [key: string]: Json | Base64 };

/** A parameter of the schema; `?` says that it may be absent. Names of alternates and enumerations are those of the schema. */
export type Parameter =
  | { type: 'integer' | 'uint64' | 'string' | 'boolean' | 'strings'; optional?: boolean }
  | { type: 'enum'; words: readonly string[]; optional?: boolean }
  /** An integer or one of the words; the name is told when it is neither. */
  | { type: 'alternate'; name: string; scalar: 'integer' | 'boolean'; words: readonly string[]; optional?: boolean };

export interface Command {
  /** In the order of the schema: the first that is wrong is told. */
  takes: Readonly<Record<string, Parameter>>;
  /** True for the command whose answer a byte 0xFF precedes. */
  delimited?: boolean;
  /** `args` have been checked against `takes`. @throws CommandError, SystemError */
  run(agent: Agent, args: JsonObject): Result | Promise<Result>;
}

/** What is known of a command before its code is there. */
export interface CommandEntry extends EntryFlags {
  /** The command at once when its code has been read, which it is from the second time on. */
  load(): Command | Promise<Command>;
}

interface EntryFlags {
  /** Whether it is allowed while frozen; qemu-ga's list and ours. */
  whileFrozen?: boolean;
  /** True for the commands that are answered only when they fail. */
  silentSuccess?: boolean;
}

export const whileFrozen: EntryFlags = { whileFrozen: true };

export function here(command: Command, flags?: EntryFlags): CommandEntry {
  return { ...flags, load: () => command };
}

/** `room`: a module that holds it, which is read once for all its commands. */
export function later<Name extends string>(
  room: () => Promise<Readonly<Record<Name, Command>>>,
  name: Name,
  flags?: EntryFlags,
): CommandEntry {
  let command: Command | undefined;
  return { ...flags, load: () => command ?? room().then((all) => (command = all[name])) };
}
