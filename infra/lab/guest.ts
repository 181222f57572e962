/** Real guests for tests, demo and benches: Debian's kernel, stock qemu-ga, an ext4 and an XFS disk, and a writer on each. */

import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openAgentChannel } from '../../host/channel/agent-channel.ts';
import { openMonitor } from '../../host/channel/monitor.ts';
import { accelerator } from './accelerator.ts';
import { readConsole, type GuestConsole } from './console.ts';
import { copyDisk, labDisks, makeDisk } from './disks.ts';
import { ensurePackages } from './packages.ts';
import { guestParts } from './parts.ts';
import { startMachine, type Machine } from './qemu.ts';
import { bootSnapshot } from './snapshot.ts';

export interface LabGuest {
  name: string;
  uuid: string;
  pid: number;
  /** Socket of the agent's channel. */
  channel: string;
  /** Socket of the monitor that the host worker is given. */
  monitor: string;
  /** A second monitor, for whoever looks on. */
  witness: string;
  disks: { name: string; filesystem: string; path: string }[];
  console: GuestConsole;
  ended: Promise<string>;
  /** Ends QEMU and removes its sockets and disks. */
  stop(): Promise<void>;
}

export interface LabGuestOptions {
  /** Where sockets and disks go; short, since a socket's path has 107 bytes at most. */
  directory: string;
  name: string;
  uuid?: string;
  /** More of QEMU's own arguments. */
  qemuArgs?: string[];
  /** Boots anew instead of going on from the memory snapshot: seconds instead of a fraction of one. */
  fresh?: boolean;
}

/** Resolves when the agent answers and each writer has finished a file. */
export async function startGuest({
  directory,
  name,
  uuid = randomUUID(),
  qemuArgs = [],
  fresh = false,
}: LabGuestOptions): Promise<LabGuest> {
  await ensurePackages();
  const parts = await guestParts();
  const kind = await accelerator(parts);
  const from = fresh
    ? undefined
    : await bootSnapshot(parts, kind, (into) => startGuest({ directory: into, name: 'boot', fresh: true }));
  const home = join(directory, name);
  await mkdir(home, { recursive: true, mode: 0o755 });
  const socket = (of: string) => join(home, `${of}.sock`);
  const disks = labDisks.map((disk) => ({ ...disk, path: join(home, `${disk.name}.raw`) }));
  await Promise.all(
    disks.map(({ path, filesystem, name: disk }) =>
      from ? copyDisk(join(from, `${disk}.raw`), path) : makeDisk(path, filesystem),
    ),
  );
  const machine = startMachine({
    accelerator: kind,
    kernel: parts.kernel,
    initrd: parts.initrd,
    words: ['sf.mode=run', `sf.disks=${labDisks.map((disk) => disk.filesystem).join()}`],
    uuid,
    disks,
    channel: socket('channel'),
    monitors: [socket('monitor'), socket('witness')],
    ...(from ? { incoming: join(from, 'memory') } : {}),
    extra: qemuArgs,
  });
  const console = readConsole(machine.console, machine.ended);
  const stop = async () => {
    await machine.kill();
    await rm(home, { recursive: true, force: true });
  };
  try {
    if (from) await goOn(socket('witness'), machine);
    await Promise.all(labDisks.map((disk) => console.nextWrite(disk.name)));
    await agentAnswers(socket('channel'), machine);
  } catch (error) {
    await stop();
    throw error;
  }
  console.mark();
  return {
    name,
    uuid,
    pid: machine.pid,
    channel: socket('channel'),
    monitor: socket('monitor'),
    witness: socket('witness'),
    disks,
    console,
    ended: machine.ended,
    stop,
  };
}

/** A guest that was restored stands still until it is told to go on. */
async function goOn(path: string, machine: Machine): Promise<void> {
  const monitor = await patiently(() => openMonitor({ path }), machine);
  try {
    while (((await monitor.execute('query-status')) as { status: string }).status === 'inmigrate') await pause();
    await monitor.execute('cont');
  } finally {
    monitor.close();
  }
}

async function agentAnswers(path: string, machine: Machine): Promise<void> {
  const channel = await patiently(() => openAgentChannel({ path }), machine);
  channel.close();
}

/** QEMU's sockets and the agent come up by and by; nothing tells when, so they are tried. */
async function patiently<T>(attempt: () => Promise<T>, machine: Pick<Machine, 'ended'>): Promise<T> {
  let ended: string | undefined;
  void machine.ended.then((why) => (ended = why));
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (ended !== undefined) throw new Error(`the guest's QEMU ended: ${ended}`, { cause: error });
      if (tries === mostTries) throw error;
      await pause();
    }
  }
}

const mostTries = 1500;
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
