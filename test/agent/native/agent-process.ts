/** The binary itself, started on a unix socket in a directory of its own, and a client that speaks to it byte by byte. */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import { temporaryFolder } from '../../support/folder.ts';

export interface RunningAgent {
  child: ChildProcess;
  /** Status and signal. */
  ended: Promise<[number | null, NodeJS.Signals | null]>;
  /** Ends it by a signal, and says how it went. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** What it has written to its standard error so far. */
  errors(): string;
}

export interface AgentProcess extends RunningAgent {
  pid: number;
  directory: string;
  socket: string;
  /** Speaks to it; closed when the test ends. */
  connect(): Promise<Client>;
}

export interface Client {
  socket: Duplex;
  send(text: string): void;
  /** The next line, as Latin-1 and without its end. */
  line(): Promise<string>;
  /** The next line's `return`. @throws when it holds an error */
  returned(): Promise<unknown>;
  /** Sends a command and waits for its `return`. */
  ask(execute: string, args?: Record<string, unknown>): Promise<unknown>;
  leave(): Promise<void>;
}

/** What guest-exec-status says. */
export interface ExecStatus {
  exited: boolean;
  exitcode?: number;
  signal?: number;
  'out-data'?: string;
  'err-data'?: string;
}

export interface StartOptions {
  /** Before the binary, as for a processor that is emulated. */
  runner?: string[];
  /** Instead of a new one. */
  directory?: string;
  /** Behind the binary's own. */
  args?: string[];
  /** Nothing else is in it. */
  environment?: Record<string, string>;
}

export async function startAgent(t: TestContext, binary: string, options: StartOptions = {}): Promise<AgentProcess> {
  const directory = options.directory ?? (await makeDirectory(t));
  const socket = join(directory, 'agent.sock');
  const [program, ...args] = [...(options.runner ?? []), binary, '-m', 'unix-listen', '-p', socket, '-t', directory];
  const { args: more = [], environment = process.env } = options;
  const agent = startProcess(t, program!, [...args, ...more], { cwd: directory, env: environment });
  const first = clientOf(await connectWhenThere(agent.child, socket));
  // Answered, if only by an error, so that it does not stand in the backlog before the test's own.
  first.send('{}');
  await first.line();
  await first.leave();
  return {
    ...agent,
    pid: agent.child.pid!,
    directory,
    socket,
    async connect() {
      const client = clientOf(await open(socket));
      t.after(() => client.socket.destroy());
      return client;
    },
  };
}

/** However it is started; killed when the test ends. */
export function startProcess(
  t: TestContext,
  program: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): RunningAgent {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'inherit', 'pipe'] });
  const ended = once(child, 'exit') as RunningAgent['ended'];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    ended,
    errors: () => errors,
    async end(signal) {
      child.kill(signal);
      const [code, by] = await ended;
      return { code, signal: by };
    },
  };
}

export async function makeDirectory(t: TestContext): Promise<string> {
  const directory = await temporaryFolder(t);
  return directory;
}

export function assertRuns({ exitCode, signalCode, spawnargs }: ChildProcess): void {
  if (exitCode !== null || signalCode !== null) assert.fail(`the agent ended by itself: ${spawnargs.join(' ')}`);
}

/** No event reports that it listens, so this polls. */
export async function connectWhenThere(child: ChildProcess, path: string): Promise<Socket> {
  for (;;) {
    assertRuns(child);
    try {
      return await open(path);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

async function open(path: string): Promise<Socket> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  return socket;
}

async function leave(socket: Duplex): Promise<void> {
  socket.destroy();
  await once(socket, 'close');
}

/** Speaks over anything that is read and written. */
export function clientOf(socket: Duplex): Client {
  const lines: string[] = [];
  const waiting: PromiseWithResolvers<string>[] = [];
  let rest = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    for (const part of parts) {
      const waiter = waiting.shift();
      if (waiter) waiter.resolve(part);
      else lines.push(part);
    }
  });
  // A reset is an end, which `close` reports.
  socket.on('error', () => {});
  socket.on('close', () => waiting.forEach((waiter) => waiter.reject(new Error('the agent has closed the connection'))));

  const line = () => {
    const there = lines.shift();
    if (there !== undefined) return Promise.resolve(there);
    const waiter = Promise.withResolvers<string>();
    waiting.push(waiter);
    return waiter.promise;
  };
  const returned = async () => {
    const text = await line();
    const reply = JSON.parse(text.replace(/^\xff/, '')) as { return?: unknown };
    assert.ok('return' in reply, text);
    return reply.return;
  };
  return {
    socket,
    send: (text) => void socket.write(text, 'latin1'),
    line,
    returned,
    ask(execute, args) {
      socket.write(JSON.stringify({ execute, ...(args && { arguments: args }) }));
      return returned();
    },
    leave: () => leave(socket),
  };
}

/** Starts a program and asks until it has ended. */
export async function runToEnd(client: Client, args: Record<string, unknown>): Promise<ExecStatus> {
  const { pid } = (await client.ask('guest-exec', args)) as { pid: number };
  for (;;) {
    const status = (await client.ask('guest-exec-status', { pid })) as ExecStatus;
    if (status.exited) return status;
  }
}
