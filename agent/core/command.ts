/** What a command is (its parameters, when it is allowed, what it does; one file each under commands/), and what it receives: the agent. */

import type { Json, JsonObject } from '../../protocol/json.ts';
import type { Settings } from './config/settings.ts';
import type { FreezeControl } from './freeze/freeze.ts';
import type { Log } from './log.ts';
import type { Platform } from './platform.ts';
import type { FileHandles } from './system/file-handles.ts';
import type { Processes } from './system/processes.ts';

/** Bytes that leave as base64 without ever becoming a JavaScript string; allowed as a member of what a command returns. */
export class Base64 {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export type Result = Json | { [key: string]: Json | Base64 };

/** A parameter of the schema. Names of alternates and enumerations are those of the schema. */
export type Parameter =
  | { type: 'integer' | 'uint64' | 'string' | 'boolean' | 'strings'; optional?: boolean }
  | { type: 'enum'; words: readonly string[]; optional?: boolean }
  /** An integer or one of the words; the error names this alternate when the value is neither. */
  | { type: 'alternate'; name: string; scalar: 'integer' | 'boolean'; words: readonly string[]; optional?: boolean };

export interface Command {
  /** In the order of the schema: the first wrong one is reported. */
  takes: Readonly<Record<string, Parameter>>;
  /** True for the command whose reply follows a byte 0xFF. */
  delimited?: boolean;
  /** `args` have been checked against `takes`. @throws CommandError, SystemError */
  run(agent: Agent, args: JsonObject): Result | Promise<Result>;
}

/** What a command receives: one object for all channels that the agent serves. */
export interface Agent {
  readonly platform: Platform;
  readonly settings: Settings;
  readonly log: Log;
  /** The qemu-ga release whose schema we follow: hosts derive from it what commands can do. */
  readonly version: string;
  /** In the order of the schema. */
  readonly commands: ReadonlyMap<string, CommandEntry>;
  /** Of this boot of the guest (/proc/sys/kernel/random/boot_id). */
  readonly bootId: string;
  /** Undefined where the platform cannot freeze. */
  readonly freeze: FreezeControl | undefined;
  readonly fileHandles: FileHandles;
  readonly processes: Processes;
  /** Whether a command may run now: by the freeze while there is one, else by the lists of the settings. */
  isEnabled(name: string): boolean;
}

/** What is known of a command before its code is there. */
export interface CommandEntry extends EntryFlags {
  /** The command, at once when its code has been loaded, which is so from the second call on. */
  load(): Command | Promise<Command>;
}

interface EntryFlags {
  /** Whether it is allowed while frozen: qemu-ga's list, and our commands for thaw and status. */
  whileFrozen?: boolean;
  /** False for the commands that are answered only when they fail, as the protocol defines. True when absent. */
  answersSuccess?: boolean;
  /** Whether a client sends it to find its replies again: a client that waits too long for a command sends this behind it. */
  syncs?: boolean;
}

export const whileFrozen: EntryFlags = { whileFrozen: true };

export function eager(command: Command, flags?: EntryFlags): CommandEntry {
  return { ...flags, load: () => command };
}

/** `room`: a module that holds it, which is loaded once for all its commands. */
export function lazy<Name extends string>(
  room: () => Promise<Readonly<Record<Name, Command>>>,
  name: Name,
  flags?: EntryFlags,
): CommandEntry {
  let command: Command | undefined;
  return { ...flags, load: () => command ?? room().then((all) => (command = all[name])) };
}
