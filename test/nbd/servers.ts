/** The NBD servers that the client is tried against: qemu-nbd, qemu-storage-daemon and our own, each over the same image. */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openMonitor } from '../../host/channel/monitor.ts';
import type { Monitor } from '../../host/channel/types.ts';
import { ensurePackages } from '../../infra/lab/packages.ts';
import type { NbdArea } from '../../nbd/area.ts';
import { serveNbd } from '../../nbd/server.ts';
import { temporaryFolder } from '../support/folder.ts';

export interface Image {
  bytes: number;
  /** What is not zero: each at its offset. */
  data: { offset: number; bytes: Buffer }[];
}

export interface Served {
  path: string;
  export: string;
  /** Of the server's process; null for our own, which runs in this one. */
  pid: number | null;
  /** Ends it at once. */
  end(): Promise<void>;
}

export type Serve = (context: TestContext, image: Image, options?: { writable?: boolean }) => Promise<Served>;

export interface ServerKind {
  name: string;
  /** QEMU counts in sectors: the rest of the last one reads as zeros. */
  unit: number;
  serve: Serve;
}

export const serverKinds: ServerKind[] = [
  { name: 'qemu-nbd', unit: 512, serve: serveByQemuNbd },
  { name: 'qemu-storage-daemon', unit: 512, serve: serveByDaemon },
  { name: 'our own server', unit: 1, serve: serveByUs },
];

/** The whole image, with the zeros up to a multiple of `unit`. */
export function contentOf({ bytes, data }: Image, unit = 1): Buffer {
  const content = Buffer.alloc(Math.ceil(bytes / unit) * unit);
  for (const each of data) each.bytes.copy(content, each.offset);
  return content;
}

/** Bytes that differ everywhere, so that one that is out of place shows. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = (state >>> 16) | 1;
  }
  return bytes;
}

export async function writeImage(path: string, { bytes, data }: Image): Promise<void> {
  await using file = await open(path, 'wx');
  await file.truncate(bytes);
  for (const each of data) await file.write(each.bytes, 0, each.bytes.length, each.offset);
}

async function serveByQemuNbd(context: TestContext, image: Image, { writable = false } = {}): Promise<Served> {
  await ensurePackages();
  const folder = await temporaryFolder(context);
  const path = join(folder, 'nbd.sock');
  await writeImage(join(folder, 'disk.raw'), image);
  const words = ['qemu-nbd', '-t', '-e', '8', '-f', 'raw', '-x', 'disk', '-k', path];
  const child = start(context, [...words, ...(writable ? [] : ['-r']), join(folder, 'disk.raw')]);
  await untilListening(child, path);
  return { path, export: 'disk', pid: child.pid!, end: () => kill(child) };
}

async function serveByDaemon(context: TestContext, image: Image, { writable = false } = {}): Promise<Served> {
  const daemon = await startDaemon(context);
  const file = join(daemon.folder, 'disk.raw');
  await writeImage(file, image);
  await daemon.monitor.execute('blockdev-add', { driver: 'file', 'node-name': 'f', filename: file, discard: 'unmap' });
  await daemon.monitor.execute('blockdev-add', { driver: 'raw', 'node-name': 'disk', file: 'f', discard: 'unmap' });
  await daemon.monitor.execute('block-export-add', { type: 'nbd', id: 'e', 'node-name': 'disk', name: 'disk', writable });
  return { path: daemon.socket, export: 'disk', pid: daemon.pid, end: daemon.end };
}

async function serveByUs(context: TestContext, image: Image, { writable = false } = {}): Promise<Served> {
  const path = join(await temporaryFolder(context), 'nbd.sock');
  const server = await serveNbd({ at: { path }, name: 'disk', area: memoryArea(contentOf(image), writable) });
  context.after(() => server.close());
  return { path, export: 'disk', pid: null, end: () => server.close() };
}

/** Holes in units of 4 KiB, as filesystems have them. */
export function memoryArea(content: Buffer, writable: boolean): NbdArea {
  const unit = 4096;
  return {
    bytes: content.length,
    read: async (offset, length) => Buffer.from(content.subarray(offset, offset + length)),
    async allocation(offset, length) {
      const extents: { length: number; hole: boolean }[] = [];
      for (let at = offset; at < offset + length;) {
        const end = Math.min(offset + length, (Math.floor(at / unit) + 1) * unit);
        const hole = content.subarray(at, end).every((each) => each === 0);
        const last = extents.at(-1);
        if (last?.hole === hole) last.length += end - at;
        else extents.push({ length: end - at, hole });
        at = end;
      }
      return extents;
    },
    ...(writable && {
      write: async (offset: number, bytes: Uint8Array) => content.set(bytes, offset),
      zero: async (offset: number, length: number) => void content.fill(0, offset, offset + length),
    }),
  };
}

export interface Daemon {
  monitor: Monitor;
  /** Its NBD server listens here. */
  socket: string;
  folder: string;
  pid: number;
  end(): Promise<void>;
}

export async function startDaemon(context: TestContext): Promise<Daemon> {
  // qemu-storage-daemon comes with what qemu-system-x86 depends on.
  await ensurePackages();
  const folder = await temporaryFolder(context);
  const socket = join(folder, 'nbd.sock');
  const control = join(folder, 'qmp.sock');
  // The last monitor: when it greets, the other is there.
  const monitors = ['--monitor', 'chardev=c', '--chardev', 'stdio,id=ready', '--monitor', 'chardev=ready'];
  const child = start(context, [
    'qemu-storage-daemon',
    '--chardev',
    `socket,id=c,path=${control},server=on,wait=off`,
    ...monitors,
  ]);
  const ended = once(child, 'exit');
  let complaint = '';
  child.stderr!.on('data', (text: Buffer) => (complaint += text.toString()));
  await Promise.race([once(child.stdout!, 'data'), ended.then(() => assert.fail(`it did not start: ${complaint}`))]);
  const monitor = await openMonitor({ path: control });
  context.after(() => monitor.close());
  await monitor.execute('nbd-server-start', { addr: { type: 'unix', data: { path: socket } }, 'max-connections': 8 });
  return { monitor, socket, folder, pid: child.pid!, end: () => kill(child) };
}

function start(context: TestContext, argv: string[]): ChildProcess {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], { stdio: ['pipe', 'pipe', 'pipe'] });
  // Before the folder goes: hooks run in the order in which they were added.
  context.after(() => kill(child));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** qemu-nbd reports nothing when it listens, so this polls. */
async function untilListening(child: ChildProcess, path: string): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await delay(10);
    } finally {
      socket.destroy();
    }
  }
  assert.fail(`qemu-nbd ended: ${String(child.stderr!.read())}`);
}
