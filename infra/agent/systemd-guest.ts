/** A Debian guest with systemd, to install the agent's package in: both ports, a monitor, and root's shell. */

import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/run.ts';
import { accelerator } from '../lab/accelerator.ts';
import { copyDisk } from '../lab/disks.ts';
import { ensurePackages } from '../lab/packages.ts';
import { guestParts } from '../lab/parts.ts';
import { openShell } from '../lab/shell.ts';
import { startMachine, type Machine } from '../lab/qemu.ts';
import { systemdImage } from './systemd-image.ts';

export interface SystemdGuest {
  /** Socket of org.qemu.guest_agent.0. */
  channel: string;
  /** Socket of org.stillframe.agent.0. */
  ownChannel: string;
  monitor: string;
  /** Runs a script as root; what it printed, both streams together. @throws when it fails */
  shell(script: string): Promise<string>;
  stop(): Promise<void>;
}

export interface SystemdGuestOptions {
  /** For sockets and disk. */
  directory: string;
  /** Put into /root of the guest: name there → path here. */
  files: Record<string, string>;
}

/** Resolves when the shell answers: udev and the basic system are up. */
export async function startSystemdGuest({ directory, files }: SystemdGuestOptions): Promise<SystemdGuest> {
  await ensurePackages();
  const [parts, image] = await Promise.all([guestParts({ ours: false, programs: false }), systemdImage()]);
  const home = join(directory, 'systemd');
  await mkdir(home, { recursive: true });
  const at = (name: string) => join(home, name);
  await copyDisk(image.disk, at('root.raw'));
  for (const [name, from] of Object.entries(files)) await putFile(at('root.raw'), from, `/root/${name}`, home);
  await writeFile(at('initrd'), Buffer.concat([await readFile(parts.initrd), image.initrd]));
  const machine = startMachine({
    accelerator: await accelerator(parts),
    kernel: parts.kernel,
    initrd: at('initrd'),
    words: ['rw', 'systemd.mask=serial-getty@ttyS0.service', 'systemd.mask=getty@tty1.service'],
    uuid: randomUUID(),
    disks: [{ path: at('root.raw') }],
    ports: [
      { path: at('channel.sock'), name: 'org.qemu.guest_agent.0' },
      { path: at('own.sock'), name: 'org.stillframe.agent.0' },
    ],
    shell: at('shell.sock'),
    monitors: [at('monitor.sock')],
  });
  const undo = new AsyncDisposableStack();
  undo.defer(() => rm(home, { recursive: true, force: true }));
  undo.defer(() => machine.kill());
  try {
    await shellIsThere(machine);
    const shell = await openShell(at('shell.sock'));
    undo.defer(() => shell.close());
    return {
      channel: at('channel.sock'),
      ownChannel: at('own.sock'),
      monitor: at('monitor.sock'),
      async shell(script) {
        const { status, output } = await shell.run(script);
        if (status !== 0) throw new Error(`in the guest, "${script}" ended with ${status}: ${output}`);
        return output;
      },
      stop: () => undo.disposeAsync(),
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

/** lab-shell says so on the console. */
function shellIsThere({ console, ended }: Machine): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  console.setEncoding('latin1').on('data', (piece: string) => {
    said = (said + piece).slice(-4000);
    if (/^SHELL\r?$/m.test(said)) resolve();
  });
  void ended.then((why) => reject(new Error(`the guest ended (${why}); its console said: ${said}`)));
  return promise;
}

/** Into an ext4 image that is not mounted; debugfs(8) takes commands that know no quotes. */
async function putFile(image: string, from: string, to: string, home: string): Promise<void> {
  const plain = join(home, 'put');
  await copyFile(from, plain);
  await run(['debugfs', '-w', '-R', `write ${plain} ${to}`, image]);
  await rm(plain);
}
