/** The part on this machine, over a unix socket each. Neither agent is asked, or able, to freeze, stop or set anything here. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildAgent } from '../../infra/agent/build.ts';
import { errnoOf } from '../../lib/errno.ts';
import { stockCommand, stockProgram } from '../fuzz/stock.ts';
import { bareAgent, command, returned, timed, type BareAgent } from './bare-agent.ts';
import { interleaved, type AgentRow, type Who } from './interleaved.ts';
import { round2 } from './quantiles.ts';
import type { BenchOptions } from './options.ts';

const blocked = [
  ['guest-fsfreeze-freeze', 'guest-fsfreeze-freeze-list', 'guest-fsfreeze-thaw', 'guest-fstrim', 'guest-shutdown'],
  ['guest-set-time', 'guest-suspend-disk', 'guest-suspend-ram', 'guest-suspend-hybrid', 'guest-set-vcpus'],
  ['guest-set-memory-blocks', 'guest-set-user-password', '__org.stillframe_freeze'],
]
  .flat()
  .join();

/** What hosts read and write at a time: 64 KiB in base64. */
const pieceBytes = 48 * 1024;
const pieces = 200;
const pings = 50;
const pipelined = 5000;
/** Ours locks its code in memory a second after its start: it counts. */
const settledMs = 2_000;

type Start = (name: string) => Promise<{ child: ChildProcess; path: string; agent: BareAgent }>;

export async function compareOnHost(directory: string, options: BenchOptions): Promise<AgentRow[]> {
  const binary = await buildAgent({ release: true });
  const stock = await stockProgram();
  const starters: Record<Who, Start> = {
    ours: starter(directory, [binary]),
    qemuGa: starter(directory, await stockCommand()),
  };
  const data = join(directory, 'data');
  await writeFile(data, Buffer.alloc(pieceBytes * pieces, 'stillframe'));
  const rows: AgentRow[] = [];
  const add = (name: string, unit: string, figures: Record<Who, number>, better: AgentRow['better'] = 'lower') =>
    rows.push({ name: `${name}, host`, unit, ...figures, better });

  const size = async (paths: string[]) =>
    (await Promise.all(paths.map((path) => stat(path)))).reduce((sum, each) => sum + each.size, 0);
  const libc = /\/(ld-linux|libc\.so|libm\.so)/;
  const libraries = stock.libraries.map(({ from }) => from);
  const needs = [stock.path, ...libraries.filter((path) => !libc.test(path))];
  add('program and its libraries but libc', 'bytes', { ours: await size([binary]), qemuGa: await size(needs) });

  let starts = 0;
  const start = await interleaved(options, async (who) => {
    const began = performance.now();
    const { child, agent } = await starters[who](`start${starts++}`);
    await agent.ask(command('guest-ping'));
    const ms = performance.now() - began;
    agent.close();
    await end(child);
    return ms;
  });
  add('start to first answer', 'ms', start);

  const running = { ours: await starters.ours('ours'), qemuGa: await starters.qemuGa('stock') };
  try {
    const agents: Record<Who, BareAgent> = { ours: running.ours.agent, qemuGa: running.qemuGa.agent };
    for (const who of ['ours', 'qemuGa'] as const) await agents[who].ask(command('guest-ping'));
    await sleep(settledMs);
    const resident = async () => ({
      ours: await residentKiB(running.ours.child),
      qemuGa: await residentKiB(running.qemuGa.child),
    });
    add('resident, idle', 'KiB', await resident());

    const each = (work: (agent: BareAgent) => Promise<unknown>) => interleaved(options, (who) => timed(() => work(agents[who])));
    const scaled = (figures: Record<Who, number>, by: number) => ({
      ours: round2(figures.ours * by),
      qemuGa: round2(figures.qemuGa * by),
    });
    const ping = await each(async (agent) => {
      for (let n = 0; n < pings; n++) await agent.ask(command('guest-ping'));
    });
    add('ping', 'µs', scaled(ping, 1000 / pings));
    const syncs = command('guest-sync', { id: 1 }).repeat(pipelined);
    add(`${pipelined} pipelined syncs`, 'ms', await each((agent) => agent.ask(syncs, pipelined)));
    const mebibytes = (pieceBytes * pieces) / 2 ** 20;
    const rate = (ms: Record<Who, number>) => ({
      ours: round2((mebibytes / ms.ours) * 1000),
      qemuGa: round2((mebibytes / ms.qemuGa) * 1000),
    });
    add('file read, 48 KiB at a time', 'MiB/s', rate(await each((agent) => readAll(agent, data))), 'higher');
    const copy = join(directory, 'copy');
    add('file write, 48 KiB at a time', 'MiB/s', rate(await each((agent) => writeAll(agent, copy))), 'higher');
    add('exec to exit', 'ms', await each(runTrue));
    add('resident, after load', 'KiB', await resident());
    for (const who of ['ours', 'qemuGa'] as const) agents[who].close();
    const connect = await interleaved(options, (who) => timed(() => connectAndSync(running[who].path)));
    add('connect to sync', 'µs', scaled(connect, 1000));
  } finally {
    await Promise.all(Object.values(running).map(({ child }) => end(child)));
  }
  return rows;
}

/** Resolves with a first connection. */
function starter(directory: string, program: string[]): Start {
  return async (name) => {
    const state = join(directory, name);
    const path = join(state, 's');
    await mkdir(state);
    // Waiting for the socket by asking for it would take the processor that the agent starts on.
    let changed = Promise.withResolvers<void>();
    const changes = watch(state, () => changed.resolve());
    const args = ['-m', 'unix-listen', '-p', path, '-t', state, '-f', join(state, 'pid'), '-b', blocked];
    // It ends with us, however we end.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...program, ...args], {
      stdio: 'ignore',
      cwd: directory,
    });
    const over = once(child, 'close').then(() => Promise.reject(new Error(`${program.join(' ')} ended before it listened`)));
    over.catch(() => {});
    try {
      for (;;) {
        changed = Promise.withResolvers<void>();
        const agent = await whenBound(path);
        if (agent) return { child, path, agent };
        await Promise.race([changed.promise, over]);
      }
    } finally {
      changes.close();
    }
  };
}

/** Undefined when there is no socket yet. Its file appears when it is bound, an instant before it listens. */
async function whenBound(path: string): Promise<BareAgent | undefined> {
  for (;;) {
    try {
      return await bareAgent(path);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') return undefined;
      if (errno !== 'ECONNREFUSED') throw error;
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  // A SIGTERM that meets qemu-ga within GLib's main loop leaves it hanging in its own signal handler.
  child.kill('SIGKILL');
  await closed;
}

async function residentKiB({ pid }: ChildProcess): Promise<number> {
  return Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))![1]);
}

async function connectAndSync(path: string): Promise<void> {
  const agent = await bareAgent(path);
  await agent.ask(command('guest-sync-delimited', { id: 7 }));
  agent.close();
}

async function readAll(agent: BareAgent, path: string): Promise<void> {
  const handle = returned<number>(await agent.ask(command('guest-file-open', { path, mode: 'r' })));
  for (let n = 0; n < pieces; n++) await agent.ask(command('guest-file-read', { handle, count: pieceBytes }));
  returned(await agent.ask(command('guest-file-close', { handle })));
}

const piece = Buffer.alloc(pieceBytes, 'stillframe').toString('base64');

async function writeAll(agent: BareAgent, path: string): Promise<void> {
  const handle = returned<number>(await agent.ask(command('guest-file-open', { path, mode: 'w' })));
  for (let n = 0; n < pieces; n++) await agent.ask(command('guest-file-write', { handle, 'buf-b64': piece }));
  returned(await agent.ask(command('guest-file-close', { handle })));
}

async function runTrue(agent: BareAgent): Promise<void> {
  const { pid } = returned<{ pid: number }>(await agent.ask(command('guest-exec', { path: '/bin/true' })));
  while (!returned<{ exited: boolean }>(await agent.ask(command('guest-exec-status', { pid }))).exited);
}
