/**
 * Runs a program to its end: what it printed, or one error that says what was run, how it ended and what it said. It has ended when its process
 * has: what it left running in the background may hold its output open for hours.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

export interface RunOptions {
  cwd?: string | undefined;
  env?: NodeJS.ProcessEnv;
  /** What the program reads on standard input; nothing when absent. */
  input?: string;
  /** When it fires, the program gets SIGKILL and the call fails at once. */
  signal?: AbortSignal;
  /** Gets standard output as it comes; then none of it is kept. */
  onStdout?: (piece: string) => void;
  /** Characters of standard error that are kept, from its beginning. */
  stderrLimit?: number;
  /** The program gets SIGKILL when this process ends, however it ends (prctl(2), PR_SET_PDEATHSIG). */
  diesWithParent?: boolean;
  /** Open descriptors of this process that the program gets as 3, 4, …; it gets no others. */
  descriptors?: readonly number[];
}

/** How a program ended, and what it printed. */
export interface Ending {
  /** Null when a signal ended it, or it never started. */
  status: number | null;
  killedBy: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** @returns what it printed. @throws ProgramError unless it ended with status 0 */
export async function run(argv: readonly string[], options?: RunOptions): Promise<string> {
  const ending = await runToEnd(argv, options);
  if (ending.status === 0) return ending.stdout;
  throw new ProgramError(argv, `it ended with ${ending.killedBy ?? `status ${ending.status}`}`, ending);
}

/** The same for a caller that accepts any end. @throws ProgramError when it did not start, was aborted, or printed too much */
export async function runToEnd(argv: readonly string[], options: RunOptions = {}): Promise<Ending> {
  const { input, signal, onStdout, stderrLimit = longestComplaint, diesWithParent = false, descriptors = [] } = options;
  const [program = '', ...args] = diesWithParent ? [...endWithParent, ...argv] : argv;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...descriptors],
    signal,
    killSignal: 'SIGKILL',
  });
  const { promise, resolve, reject } = Promise.withResolvers<Ending>();
  const printed = { stdout: '', stderr: '' };
  const fail = (how: string, cause?: Error) => {
    // Programs that it has started may hold them open, and nobody reads them now.
    child.stdout?.destroy();
    child.stderr?.destroy();
    reject(
      new ProgramError(argv, how, { status: null, killedBy: null, ...printed }, { aborted: signal?.aborted ?? false, cause }),
    );
  };
  // A process that has no descriptors left gets no streams either, only 'error' (EMFILE).
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    if (onStdout) return onStdout(piece);
    printed.stdout += piece;
    if (printed.stdout.length <= longestOutput) return;
    child.kill('SIGKILL');
    fail(`it printed more than ${longestOutput} characters`);
  });
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    printed.stderr = (printed.stderr + piece).slice(0, stderrLimit);
  });
  // A program may end before it has read everything: its status says whether that matters.
  child.stdin?.on('error', () => {}).end(input);
  child.once('error', (error) => fail(signal?.aborted ? 'it was stopped before it ended' : error.message, error));
  child.once('exit', (status, killedBy) => {
    void restOfOutput(child).then(() => resolve({ status, killedBy, ...printed }));
  });
  return promise;
}

/** What a process wrote before its end is in the pipe then (64 KiB, pipe(7)); reading it takes a turn of the event loop or a few. */
const outputMs = 500;

async function restOfOutput(child: ChildProcess): Promise<void> {
  const read = new AbortController();
  const closed = once(child, 'close').finally(() => read.abort());
  // The turn after the timer: an event loop that was held up reads first.
  const late = delay(outputMs, undefined, { signal: read.signal }).then(() => new Promise(setImmediate));
  await Promise.race([closed, late.catch(() => {})]);
  child.stdout?.destroy();
  child.stderr?.destroy();
}

/** A program that failed. `message` is the whole sentence. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
  readonly argv: readonly string[];
  readonly ending: Ending;
  /** Whether the caller's signal stopped it. */
  readonly aborted: boolean;
  /** The sentence without the command, for callers that call it something else. */
  readonly reason: string;

  constructor(
    argv: readonly string[],
    how: string,
    ending: Ending,
    { aborted = false, cause }: { aborted?: boolean; cause?: Error | undefined } = {},
  ) {
    const said = ending.stderr.trim();
    const reason = said === '' ? how : `${how} and said: ${said}`;
    super(`${argv.join(' ')} failed: ${reason}`, cause && { cause });
    this.argv = argv;
    this.ending = ending;
    this.aborted = aborted;
    this.reason = reason;
  }
}

/**
 * In front of a command: the kernel ends it with the process that starts it, however that ends (setpriv(1); prctl(2), PR_SET_PDEATHSIG).
 * A change of user comes before it, since that clears the signal.
 */
export const endWithParent = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** The same for fork(): options by which the child, with its IPC channel, is started that way. */
export const forkedToEndWithParent = {
  execPath: endWithParent[0],
  execArgv: [...endWithParent.slice(1), process.execPath, ...process.execArgv],
};

/** A user of this machine, with its first group. */
export interface User {
  uid: number;
  gid: number;
}

/** In front of a command: root runs it with the rights of that user and no others (setpriv(1)). */
export function asUser({ uid, gid }: User): string[] {
  return ['setpriv', '--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--no-new-privs', '--'];
}

/** Listings of whole package trees stay far below. */
const longestOutput = 64 * 2 ** 20;

/** All that a compiler says about one file, and still a message. */
const longestComplaint = 64 * 2 ** 10;
