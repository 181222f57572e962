/** Real guests for tests, demo and benches: Debian's kernel, an agent or two, an ext4 and an XFS disk, and a writer on each. */

import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openAgentChannel } from '../../host/channel/agent-channel.ts';
import { openMonitor } from '../../host/channel/monitor.ts';
import { guestId, type GuestId } from '../../model/ids.ts';
import { accelerator } from './accelerator.ts';
import { readConsole, type GuestConsole } from './console.ts';
import { copyDisk, labDisks, makeBlankDisk, makeDisk } from './disks.ts';
import { ensurePackages } from './packages.ts';
import { guestParts } from './parts.ts';
import { startMachine, type Machine } from './qemu.ts';
import { openShell, type ShellResult } from './shell.ts';
import { bootSnapshot } from './snapshot.ts';

export interface LabGuest {
  name: string;
  uuid: GuestId;
  pid: number;
  /** Socket of the port org.qemu.guest_agent.0. */
  channel: string;
  /** Socket of the port org.stillframe.agent.0; only our own agent serves it. */
  ownChannel: string;
  /** Socket of the monitor that the host worker is given. */
  monitor: string;
  /** A second monitor, for observers. */
  witness: string;
  disks: { name: string; filesystem: string; path: string }[];
  /** Blank disks, by the device that the guest knows them under. */
  spares: { device: string; path: string }[];
  console: GuestConsole;
  /** Runs a script of sh in the guest, past every agent. */
  shell(script: string): Promise<ShellResult>;
  ended: Promise<string>;
  /** Ends QEMU and removes its sockets and disks. */
  stop(): Promise<void>;
}

export interface LabGuestOptions {
  /** Where sockets and disks go; short, since a socket's path has 107 bytes at most. */
  directory: string;
  name: string;
  uuid?: GuestId;
  /** Our agent on both ports; stock qemu-ga on the classic port; or our agent on its own port beside the stock agent on the classic port. */
  agent?: 'stillframe' | 'qemu-ga' | 'both';
  /** A kernel, busybox and our agent, and nothing else: no writers, no libraries, no programs that make filesystems. */
  minimal?: boolean;
  spareDisks?: number;
  /** More of QEMU's own arguments. */
  qemuArgs?: string[];
  /** Boots instead of continuing from the memory snapshot: seconds instead of a fraction of one. */
  fresh?: boolean;
}

/** Resolves when every agent answers and each writer has finished a file. */
export async function startGuest(options: LabGuestOptions): Promise<LabGuest> {
  const {
    directory,
    name,
    uuid = guestId(randomUUID()),
    agent = 'stillframe',
    minimal = false,
    spareDisks = 0,
    qemuArgs = [],
  } = options;
  await ensurePackages();
  const parts = await guestParts({ ours: agent !== 'qemu-ga', programs: !minimal });
  const kind = await accelerator(parts);
  const from = options.fresh
    ? undefined
    : await bootSnapshot(parts, kind, `${agent}-${spareDisks}`, (into) =>
        startGuest({ directory: into, name: 'boot', agent, minimal, spareDisks, fresh: true }),
      );
  const home = join(directory, name);
  await mkdir(home, { recursive: true, mode: 0o755 });
  const socket = (of: string) => join(home, `${of}.sock`);
  const disks = labDisks.map((disk) => ({ ...disk, path: join(home, `${disk.name}.raw`) }));
  const spares = Array.from({ length: spareDisks }, (_, index) => ({
    device: `/dev/vd${'abcdefghijklmnop'[disks.length + index]}`,
    path: join(home, `spare${index}.raw`),
  }));
  await Promise.all([
    ...disks.map(({ path, filesystem, name: disk }) =>
      from ? copyDisk(join(from, `${disk}.raw`), path) : makeDisk(path, filesystem),
    ),
    ...spares.map(({ path }) => makeBlankDisk(path)),
  ]);
  const machine = startMachine({
    accelerator: kind,
    kernel: parts.kernel,
    initrd: parts.initrd,
    words: ['sf.mode=run', `sf.agent=${agent}`, `sf.disks=${labDisks.map((disk) => disk.filesystem).join()}`],
    uuid,
    disks: [...disks, ...spares],
    ports: [
      { path: socket('channel'), name: 'org.qemu.guest_agent.0' },
      { path: socket('own'), name: 'org.stillframe.agent.0' },
    ],
    shell: socket('shell'),
    monitors: [socket('monitor'), socket('witness')],
    ...(from ? { incoming: join(from, 'memory') } : {}),
    extra: qemuArgs,
  });
  const console = readConsole(machine.console, machine.ended);
  const undo = new AsyncDisposableStack();
  undo.defer(() => rm(home, { recursive: true, force: true }));
  undo.defer(() => machine.kill());
  try {
    if (from) await goOn(socket('witness'), machine);
    if (!minimal) await Promise.all(labDisks.map((disk) => console.nextWrite(disk.name)));
    await agentAnswers(socket('channel'), machine);
    if (agent !== 'qemu-ga') await agentAnswers(socket('own'), machine);
    const shell = await openShell(socket('shell'));
    undo.defer(() => shell.close());
    console.mark();
    const stop = () => undo.disposeAsync();
    return {
      name,
      uuid,
      pid: machine.pid,
      channel: socket('channel'),
      ownChannel: socket('own'),
      monitor: socket('monitor'),
      witness: socket('witness'),
      disks,
      spares,
      console,
      shell: (script) => shell.run(script),
      ended: machine.ended,
      stop,
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

/** A restored guest is paused until it gets `cont`. */
async function goOn(path: string, machine: Machine): Promise<void> {
  const monitor = await untilReady(() => openMonitor({ path }), machine);
  try {
    while (((await monitor.execute('query-status')) as { status: string }).status === 'inmigrate') await pause();
    await monitor.execute('cont');
  } finally {
    monitor.close();
  }
}

async function agentAnswers(path: string, machine: Machine): Promise<void> {
  const channel = await untilReady(() => openAgentChannel({ path }), machine);
  channel.close();
}

/** QEMU and the agent start asynchronously and report nothing when they are ready, so this polls. */
async function untilReady<T>(attempt: () => Promise<T>, machine: Pick<Machine, 'ended'>): Promise<T> {
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
