/** All that the core needs from its environment. Two implementations: platform/native (the binary) and platform/node (tests, development). */

import type { ByteTools } from '../../protocol/json-lexer.ts';

export interface Platform {
  readonly process: ProcessControl;
  readonly clock: Clock;
  readonly bytes: Bytes;
  readonly files: Files;
  readonly children: Children;
  readonly kernel: Kernel;
  readonly channels: Channels;
  /** Undefined where this platform cannot freeze: the commands that need it do not exist then. */
  readonly freezing: Freezing | undefined;
}

/** A system call failed. `message` is glibc's text for `errno` (errnoText), whichever library this runs on. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly errno: number;
  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

export interface ProcessControl {
  readonly pid: number;
  /** Without the program's own name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** SIGTERM and SIGINT, for ever; SIGPIPE is ignored, SIGHUP and SIGUSR1 kill, as qemu-ga has it. */
  onTerminate(listener: () => void): void;
  exit(status: number): never;
  /** kill(2); a process that does not exist any more is not an error. */
  kill(pid: number, signal: number): void;
  standardOutput(text: string): void;
  standardError(text: string): void;
  /** To syslog(3) with facility daemon; does nothing where there is no /dev/log. */
  syslog(priority: 'error' | 'warning' | 'info', text: string): void;
  /** fork, setsid, chdir /, umask 0077, standard streams to /dev/null; returns in the child. */
  daemonize(): void;
  /** Creates (0600), locks and writes "pid\n"; the file stays locked until we end. @throws SystemError, EAGAIN when it is locked */
  writePidFile(path: string): void;
}

export interface Clock {
  /** CLOCK_BOOTTIME in milliseconds, with fractions: continues while the guest sleeps. */
  bootMs(): number;
  /** Nanoseconds since 1970. */
  realNs(): bigint;
  /** settimeofday(2), to the microsecond. @throws SystemError */
  setRealNs(ns: bigint): void;
  /** Calls `run` once, by the boot clock; returns a function that cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** Work for which a JavaScript engine is slow. */
export interface Bytes extends ByteTools {
  /** Alphabet A-Z a-z 0-9 + / = and newline; undefined for any other character or for an incomplete last group. */
  fromBase64(text: string): Uint8Array | undefined;
  /** The bytes of a text, as UTF-8. */
  utf8(text: string): Uint8Array;
}

/** The same numbers on every architecture that we build for (asm-generic/fcntl.h). */
export const openFlags = {
  readOnly: 0,
  writeOnly: 0o1,
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  noControllingTerminal: 0o400,
  truncate: 0o1000,
  append: 0o2000,
  nonBlocking: 0o4000,
} as const;

export interface DeviceNumber {
  major: number;
  minor: number;
}

export interface FileStatus {
  kind: 'file' | 'directory' | 'block' | 'character' | 'fifo' | 'socket' | 'link';
  /** The filesystem that holds the file (st_dev). */
  device: DeviceNumber;
  /** The device itself, for a block or character device (st_rdev). */
  rdev: DeviceNumber;
  size: number;
  /** Permission bits. */
  mode: number;
}

/** Whether the group or all other users may write it. */
export const isWritableByOthers = ({ mode }: FileStatus): boolean => (mode & 0o022) !== 0;

/** System calls, one for each method, in the calling process; all throw SystemError. Every open is close-on-exec. */
export interface Files {
  open(path: string, flags: number, mode: number): number;
  close(fd: number): void;
  /** One read(2): at most `count` bytes, none at the end of the file. */
  read(fd: number, count: number): Uint8Array;
  /** One write(2) of the bytes from `from` on; returns the number of bytes that were taken. */
  write(fd: number, bytes: Uint8Array, from: number): number;
  /** lseek(2); `whence` 0 set, 1 current, 2 end. */
  seek(fd: number, offset: bigint, whence: 0 | 1 | 2): number;
  changeMode(fd: number, mode: number): void;
  /** A small file to its end, invalid UTF-8 replaced. @throws SystemError, EFBIG above 4 MiB */
  readText(path: string): string;
  readBytes(path: string): Uint8Array;
  /** Replaces the content in place, for sysfs and the like. */
  writeText(path: string, text: string): void;
  /** Temporary file beside it (`mode`), rename; no fsync: for a tmpfs. */
  replaceText(path: string, text: string, mode: number): void;
  unlink(path: string): void;
  /** Names without . and .., in the order of the directory. */
  list(path: string): string[];
  readLink(path: string): string;
  /** realpath(3). */
  resolve(path: string): string;
  /** stat(2). */
  status(path: string): FileStatus;
  isExecutable(path: string): boolean;
}

export interface SpawnRequest {
  /** Tried in order, the first that exists is run; a file of unknown format is run by /bin/sh (execvp(3)). */
  programs: readonly string[];
  /** argv, its first element included. */
  argv: readonly string[];
  /** NAME=VALUE; the agent's own when absent. */
  environment?: readonly string[];
  /** Written to its standard input, which is then closed; /dev/null when absent. */
  input?: Uint8Array;
  /** Streams that are read; the rest goes to /dev/null. `merged`: one pipe for both, reported as `out`. */
  capture: 'none' | 'stdout' | 'stderr' | 'separated' | 'merged';
  /** setsid(2) first. */
  newSession?: boolean;
}

export interface ChildEvents {
  /** The receiver may keep the bytes. */
  output?(stream: 'out' | 'err', bytes: Uint8Array): void;
  /** The process itself has ended; other processes may still hold its output open. */
  exited?(end: ChildEnd): void;
  /** It has ended, and every captured stream too. */
  closed?(end: ChildEnd): void;
}

export type ChildEnd = { code: number } | { signal: number };

export interface Child {
  readonly pid: number;
  /** To its process group when it has its own session. */
  kill(signal: number): void;
  /** Stops reading its output, which counts as closed from now on. */
  release(): void;
}

export interface Children {
  /** Events come after it has returned. @throws SystemError when the program cannot be started */
  spawn(request: SpawnRequest, events: ChildEvents): Child;
}

export interface FilesystemSize {
  blockSize: number;
  blocks: bigint;
  free: bigint;
  available: bigint;
}

export interface InterfaceAddress {
  interface: string;
  /** Absent for an interface without a link-layer address. */
  hardware?: string;
  address?: string;
  family?: 'ipv4' | 'ipv6';
  prefix?: number;
}

/**
 * Queries that a JavaScript engine cannot make. Calls that may block (a dead mount, a device that does not answer) run in a child
 * process that is abandoned after `limitMs`: what it had not answered by then is ETIMEDOUT.
 */
export interface Kernel {
  system(): { release: string; version: string; machine: string };
  /** getifaddrs(3) in its order: one entry for each address, and one for an interface that has none. */
  interfaces(): InterfaceAddress[];
  /** statvfs(3) of each path. */
  sizes(paths: readonly string[], limitMs: number): Promise<(FilesystemSize | SystemError)[]>;
  /** FITRIM over the whole filesystem of each path: bytes trimmed, and the minimum that the kernel used. */
  trim(
    paths: readonly string[],
    minimum: bigint,
    limitMs: number,
  ): Promise<({ trimmed: bigint; minimum: bigint } | SystemError)[]>;
  /** open and FITHAW until it fails, path by path: how many times it succeeded. */
  thaw(paths: readonly string[], limitMs: number): Promise<(number | SystemError)[]>;
  /** The device that holds the file behind a loop device (LOOP_GET_STATUS64), even when its path has changed. */
  loopBacking(device: string): DeviceNumber | undefined;
}

export interface FreezeTarget {
  /** A mount point; it is opened, and frozen only when it leads to this superblock. */
  path: string;
  /** The superblock, as mountinfo names it. Where that is a block device, it is st_dev too. */
  device: DeviceNumber;
  /** The mount (mountinfo, /proc/pid/fdinfo): what identifies a superblock of major 0, whose files may have any st_dev. */
  mountId: number;
}

/**
 * `waiting` → `freezing` (the ioctl has begun and may block) → `frozen` → `thawing` → `thawed`, or `failed` (errno: EBUSY frozen by
 * another program, EOPNOTSUPP no freeze operation, ESTALE another filesystem is mounted there). `lost`: another program thawed it.
 */
export type TargetState = 'waiting' | 'freezing' | 'frozen' | 'thawing' | 'thawed' | 'failed' | 'lost';

/**
 * One freeze. Two processes besides the agent: the freezer, which opens, syncs and freezes and may block for ever in an ioctl; the guard,
 * which thaws on request, at the deadline, or when the agent dies, and ends only when nothing of this freeze is or can become
 * frozen. All state is in shared memory, so that each process sees what the others did.
 */
export interface HeldFreeze {
  /** Freezer and guard, with their start times (proc(5), field 22), for the record on tmpfs. */
  readonly processes: readonly { pid: number; started: string }[];
  target(index: number): { state: TargetState; errno: number; microseconds: number };
  /** The freezer has ended: every target is frozen, failed, or was thawed meanwhile. */
  readonly settled: Promise<void>;
  /** The guard has ended. `clean`: nothing is frozen any more; otherwise it was killed, and the state is unknown. */
  readonly over: Promise<{ clean: boolean }>;
  /** Whether the deadline ended it. */
  deadlinePassed(): boolean;
  /** Demands the thaw, in reverse order; `over` resolves when it is done. May be called again. */
  thaw(): void;
  /** SIGKILL for a guard that does not act; never for the freezer, which itself undoes a freeze that it still makes. */
  giveUp(): void;
}

export interface Freezing {
  /** Freezes in the order given, under expedited RCU, after a syncfs of each. `deadlineMs` by the boot clock; undefined for none. */
  start(targets: readonly FreezeTarget[], deadlineMs: number | undefined): HeldFreeze;
  /** After a crash: FITHAW once on each target that is still at its place; runs in a child. */
  thawAgain(targets: readonly FreezeTarget[], limitMs: number): Promise<('thawed' | 'not-frozen' | SystemError)[]>;
}

/** A piece of a reply: text in Latin-1 is sent as it is, bytes as base64. */
export type Piece = string | Uint8Array;

export interface ChannelEvents {
  /** Valid during the call only. */
  data(bytes: Uint8Array): void;
  /**
   * The client has gone or a new one has come: data that was partly read or queued for the old one is dropped. `mayBeNext`: the last
   * request that was read whole may be the new client's already, and is kept.
   */
  clientChanged(mayBeNext: boolean): void;
  /** Everything queued has been taken. */
  drained(): void;
  /** Whether a reply is still due: a client that sends nothing more, but still reads, is kept until it has it. */
  owes?(): boolean;
  /** The channel has failed. `eof`: isa-serial hung up, which qemu-ga takes for a pause. */
  failed(error: SystemError): void;
}

export interface Channel {
  send(pieces: readonly Piece[]): void;
  /** Bytes that are queued and not taken yet. */
  queued(): number;
  /** Stops and resumes reading. */
  pause(): void;
  resume(): void;
  close(): void;
}

export type ChannelMethod = 'virtio-serial' | 'isa-serial' | 'unix-listen' | 'vsock-listen';

export interface Channels {
  /**
   * Listening channels serve one client at a time; the next waits in the backlog (1). A stale socket file is removed first.
   * @throws SystemError
   */
  open(method: ChannelMethod, path: string, events: ChannelEvents): Channel;
  /** The socket that systemd passed (LISTEN_PID, LISTEN_FDS=1), file descriptor 3. @throws SystemError when it is neither unix nor vsock */
  inherited(events: ChannelEvents): Channel;
}
