/** The functions of the C layer as TypeScript sees them, and the one check for their failures. */

import type { ByteTools } from '../../../protocol/json-lexer.ts';
import { errnoText } from '../../core/errno.ts';
import { SystemError, type InterfaceAddress } from '../../core/platform.ts';

/** -errno. */
type Failed = number;

interface Natives extends ByteTools {
  fromBase64(text: string): Uint8Array | undefined;
  utf8(text: string): Uint8Array;
  /** Invalid UTF-8 becomes U+FFFD. */
  decode(bytes: Uint8Array): string;

  onEvent(handler: (kind: number, which: number, events: number) => void): void;
  watch(fd: number, events: number, isWatched: boolean): number;
  unwatch(fd: number): void;
  /** By the boot clock; 0 for none. */
  setDeadline(ms: number): number;
  bootMs(): number;

  /** The buffer that `receive` fills. */
  inputBuffer(): Uint8Array;
  receive(fd: number): number;
  /** Undefined when everything was taken, otherwise the rest. */
  send(fd: number, pieces: readonly (string | Uint8Array)[]): Uint8Array | undefined | Failed;
  encode(pieces: readonly (string | Uint8Array)[]): Uint8Array;
  listenUnix(path: string): number;
  listenVsock(cid: number, port: number): number;
  adoptSocket(fd: number): number;
  accept(fd: number): number;
  makeRaw(fd: number): number;

  open(path: string, flags: number, mode: number): number;
  close(fd: number): number;
  read(fd: number, count: number): Uint8Array | Failed;
  write(fd: number, bytes: Uint8Array, from: number): number;
  seek(fd: number, offset: bigint, whence: number): number;
  changeMode(fd: number, mode: number): number;
  unlink(path: string): number;
  rename(from: string, to: string): number;
  isExecutable(path: string): number;
  list(path: string): string[] | Failed;
  readLink(path: string): string | Failed;
  resolve(path: string): string | Failed;
  /** st_mode, st_dev (major, minor), st_rdev (major, minor), st_size. */
  status(path: string): [number, number, number, number, number, number] | Failed;
  loopBacking(path: string): [number, number] | Failed;

  args(): string[];
  environment(): string[];
  pid(): number;
  exit(status: number): never;
  kill(pid: number, signal: number): number;
  say(fd: number, text: string): void;
  logLine(priority: number, text: string): void;
  daemonize(): number;
  writePidFile(path: string): number;
  lockMemory(): number;
  hurry(): void;

  /** release, version, machine. */
  system(): [string, string, string];
  interfaces(): InterfaceAddress[] | Failed;
  realNs(): bigint;
  setRealNs(ns: bigint): number;

  /** pid, then the descriptors of standard input, output and error, or -1; ends are reported by the signal SIGCHLD. */
  spawn(
    programs: readonly string[],
    argv: readonly string[],
    environment: readonly string[] | undefined,
    wiring: number,
  ): [number, number, number, number] | Failed;
  /** A child that has ended: pid and status (wait(2)); undefined when there is none. */
  reap(): [number, number] | undefined;

  /** pid, and the pipe that its records come through (probes.ts). */
  probe(kind: number, paths: readonly string[], superblocks: readonly number[], minimum: bigint): [number, number] | Failed;

  /** pid of the freezer, the agent's end of the guard's socket, and the shared memory (freezing.ts). `deadlineMs` 0: none. */
  freeze(paths: readonly string[], superblocks: readonly number[], deadlineMs: number): [number, number, ArrayBuffer] | Failed;
  /** Demands the thaw. */
  cancelFreeze(memory: ArrayBuffer, control: number): void;
}

export const native = (globalThis as unknown as { native: Natives }).native;

/** @throws SystemError when it is -errno */
export function check<T>(value: T): Exclude<T, number> | (T & number) {
  if (typeof value === 'number' && value < 0) throw failure(-value);
  return value as Exclude<T, number> | (T & number);
}

/** For results that are not numbers. @throws SystemError */
export function checkValue<T>(value: T | Failed): T {
  if (typeof value === 'number') throw failure(-value);
  return value;
}

export function failure(errno: number): SystemError {
  return new SystemError(errno, errnoText(errno));
}
